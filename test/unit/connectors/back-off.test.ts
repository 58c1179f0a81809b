import { expect, test } from 'vitest';
import { createBackOff } from '../../../electron/core/tunnel/connectors/back-off.ts';
import { createManualClock } from '../../manual-clock.ts';

test('waits grow from 200 ms to 1 s, and to 30 s once the outage is two minutes old', () => {
  const clock = createManualClock();
  const backOff = createBackOff(clock, () => 1);
  expect([1, 2, 3, 4, 5].map(() => backOff.next())).toEqual([200, 400, 800, 1_000, 1_000]);
  clock.advance(120_000);
  for (let at = 0; at < 10; at += 1) backOff.next();
  expect(backOff.next()).toBe(30_000);
  expect(createBackOff(clock, () => 0.5).next()).toBe(100);
});

test('only a connection that held starts the waits anew, and a plain no waits long at once', () => {
  const clock = createManualClock();
  const backOff = createBackOff(clock, () => 1);
  backOff.next();
  backOff.worked(true);
  clock.advance(4_999);
  backOff.worked(false);
  expect(backOff.next()).toBe(400);
  backOff.worked(true);
  clock.advance(5_000);
  backOff.worked(false);
  expect(backOff.next()).toBe(200);
  expect(backOff.next(true)).toBe(30_000);
});
