import { expect, test } from 'vitest';
import { watchNetwork } from '../../../electron/core/tunnel/network-watchdog.ts';
import { createManualClock } from '../../manual-clock.ts';

test('another network is noticed once, the order of addresses and having none are not', () => {
  const clock = createManualClock();
  let addresses = ['192.0.2.7', '2001:db8::7'];
  let moves = 0;
  const stop = watchNetwork(
    clock,
    () => {
      moves += 1;
    },
    () => addresses,
  );
  clock.advance(60_000);
  addresses = ['2001:db8::7', '192.0.2.7'];
  clock.advance(60_000);
  expect(moves).toBe(0);
  addresses = [];
  clock.advance(60_000);
  expect(moves).toBe(0);
  addresses = ['198.51.100.3'];
  clock.advance(5_000);
  expect(moves).toBe(1);
  clock.advance(60_000);
  expect(moves).toBe(1);
  stop();
  addresses = ['192.0.2.7'];
  clock.advance(60_000);
  expect(moves).toBe(1);
  expect(clock.pending).toBe(0);
});
