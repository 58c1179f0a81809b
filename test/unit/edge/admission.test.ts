import { expect, test } from 'vitest';
import { createMeter, sourceOf } from '../../../electron/core/tunnel/edge/admission.ts';
import { createManualClock } from '../../manual-clock.ts';

test('a holder gets its open connections, no more, and places come back', () => {
  const meter = createMeter({ open: 2, perSecond: 100, burst: 100 }, createManualClock());
  const first = meter.admit('a');
  expect(meter.admit('a')).toBeDefined();
  expect(meter.admit('a')).toBeUndefined();
  expect(meter.admit('b')).toBeDefined();
  first?.();
  first?.();
  expect(meter.admit('a')).toBeDefined();
  expect(meter.admit('a')).toBeUndefined();
});

test('new connections are limited by rate after a burst', () => {
  const clock = createManualClock();
  const meter = createMeter({ open: 100, perSecond: 2, burst: 3 }, clock);
  const granted = (): number => {
    let count = 0;
    for (let at = 0; at < 5; at += 1) if (meter.admit('a')) count += 1;
    return count;
  };
  expect(granted()).toBe(3);
  clock.advance(1_000);
  expect(granted()).toBe(2);
});

test('holders with nothing open are forgotten', () => {
  const clock = createManualClock();
  const meter = createMeter({ open: 1, perSecond: 10, burst: 10 }, clock);
  for (let at = 0; at < 100; at += 1) meter.admit(`source ${at}`)?.();
  expect(meter.size).toBe(100);
  clock.advance(11_000);
  meter.admit('another');
  expect(meter.size).toBe(1);
});

test('an IPv6 source counts by its /64, a mapped IPv4 address as IPv4', () => {
  expect(sourceOf('2001:db8:1:2:3:4:5:6')).toBe(sourceOf('2001:db8:1:2::9'));
  expect(sourceOf('2001:db8:1:3::9')).not.toBe(sourceOf('2001:db8:1:2::9'));
  expect(sourceOf('::1')).toBe('0:0:0:0::/64');
  expect(sourceOf('::ffff:192.0.2.7')).toBe('192.0.2.7');
  expect(sourceOf(undefined)).toBe('unknown');
});
