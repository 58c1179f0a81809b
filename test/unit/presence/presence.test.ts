import { expect, test } from 'vitest';
import { createPresence } from '../../../electron/core/presence/presence.ts';
import { awayWords } from '../../../electron/shared/presence-words.ts';
import { createManualClock } from '../../manual-clock.ts';

const minute = 60_000;

function stage(awayAfterMinutes = 10) {
  const clock = createManualClock();
  const facts = { ran: 0, expired: 0, waiting: 0, counting: 0 };
  const presence = createPresence({
    clock,
    awayAfterMs: () => awayAfterMinutes * minute,
    count() {
      facts.counting += 1;
      return {
        ran: () => facts.ran,
        expired: () => facts.expired,
        waiting: () => facts.waiting,
        stop: () => {
          facts.counting -= 1;
        },
      };
    },
  });
  return { clock, facts, presence };
}

test('idle minutes mean away; a touch means back, with what happened meanwhile', () => {
  const { clock, facts, presence } = stage();
  presence.idle(10 * minute - 1);
  expect(presence.absence()).toBeUndefined();
  presence.idle(10 * minute);
  expect(presence.view().away).toMatchObject({ by: 'idle' });
  expect(presence.absence()?.reason).toContain('The person is away until they are back');
  facts.ran = 6;
  facts.waiting = 3;
  facts.expired = 1;
  clock.advance(20 * minute);
  presence.idle(31_000);
  expect(presence.view().away).toBeDefined();
  presence.idle(2_000);
  const { summary, away } = presence.view();
  expect(away).toBeUndefined();
  expect(summary && awayWords(summary)).toBe('While you were away: 6 calls ran, 3 wait for you, 1 expired.');
  expect(summary).toMatchObject({ from: '2026-11-22T12:00:00.000Z', to: '2026-11-22T12:20:00.000Z' });
  expect(facts.counting).toBe(0);
  presence.dismissSummary();
  expect(presence.view().summary).toBeUndefined();
});

test('who said that they go is away whatever the mouse does, until their time or their word', () => {
  const { clock, presence } = stage();
  presence.leave('hand', 30 * minute);
  presence.idle(0);
  expect(presence.absence()).toEqual({
    reason: 'The person is away until 2026-11-22T12:30:00.000Z, in about 30m.',
    retryAfterMs: 30 * minute,
  });
  clock.advance(30 * minute);
  expect(presence.absence()).toBeUndefined();
  // Nothing happened, so nothing is said.
  expect(presence.view().summary).toBeUndefined();
  presence.leave('hand');
  presence.comeBack();
  expect(presence.view().away).toBeUndefined();
  expect(clock.pending).toBe(0);
});

test('a touch on the lock screen is nobody’s return, and 0 minutes mean never', () => {
  const { presence } = stage();
  presence.idle(10 * minute);
  presence.lock(true);
  presence.idle(0);
  expect(presence.view().away).toBeDefined();
  presence.lock(false);
  presence.idle(0);
  expect(presence.view().away).toBeUndefined();
  const never = stage(0);
  never.presence.idle(10 * 3_600_000);
  expect(never.presence.view().away).toBeUndefined();
});

test('tells of each leaving, lock and return once', () => {
  const { presence } = stage();
  const told: unknown[] = [];
  presence.onAway((away) => told.push(away));
  presence.onLock(() => told.push('locked'));
  presence.leave('idle');
  presence.leave('hand', minute);
  presence.lock(true);
  presence.lock(true);
  presence.lock(false);
  presence.comeBack();
  presence.comeBack();
  expect(told).toEqual([true, 'locked', false]);
});
