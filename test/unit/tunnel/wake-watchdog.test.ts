import { expect, test } from 'vitest';
import { watchWake, wokeWords } from '../../../electron/core/tunnel/wake-watchdog.ts';
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

test('says in one row how long the machine slept, and how the first probe went', () => {
  const wokeAt = new Date(2026, 10, 22, 13, 10).getTime();
  const probe = { ok: true, at: '2026-11-22T12:10:00.000Z', ms: 12.4 };
  expect(wokeWords(68 * 60_000, wokeAt, probe)).toBe('Asleep 12:02–13:10; the first probe after it answered in 12 ms.');
  expect(wokeWords(68 * 60_000, wokeAt, { ...probe, ok: false, hop: 'edge', detail: 'refused' })).toContain(
    'failed at edge: refused',
  );
  expect(wokeWords(-5_000, wokeAt, probe)).toContain('Time moved by -5 s without us');
});
