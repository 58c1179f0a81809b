import { expect, test } from 'vitest';
import { watchWake } from '../../../electron/core/tunnel/wake-watchdog.ts';
import { createManualClock } from '../../manual-clock.ts';

test('sleep and a set clock are noticed once each, both ways; ordinary time is not', () => {
  const clock = createManualClock();
  const woken: number[] = [];
  const stop = watchWake(clock, (missing) => woken.push(missing));
  clock.advance(86_400_000);
  expect(woken).toEqual([]);
  clock.jump(8 * 3_600_000);
  clock.advance(5_000);
  clock.advance(60_000);
  expect(woken).toEqual([8 * 3_600_000]);
  clock.jump(-3 * 3_600_000);
  clock.advance(5_000);
  clock.advance(60_000);
  expect(woken).toEqual([8 * 3_600_000, -3 * 3_600_000]);
  clock.jump(1_500);
  clock.advance(10_000);
  expect(woken).toHaveLength(2);
  stop();
  clock.jump(3_600_000);
  clock.advance(60_000);
  expect(woken).toHaveLength(2);
  expect(clock.pending).toBe(0);
});

test('a timer that comes much too late counts as sleep where both clocks went on', () => {
  const manual = createManualClock();
  let late = 0;
  const clock = { ...manual, now: () => manual.now() + late, monotonic: () => manual.monotonic() + late };
  const woken: number[] = [];
  watchWake(clock, (missing) => woken.push(missing));
  late = 600_000;
  manual.advance(5_000);
  expect(woken).toEqual([600_000]);
});
