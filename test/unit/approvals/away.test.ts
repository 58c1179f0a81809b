import { expect, test } from 'vitest';
import { asks, call, stage } from './stage.ts';

const away = { reason: 'The person is away until 15:10.', retryAfterMs: 600_000 };

function awayStage() {
  let absent = true;
  const it = stage({ absence: () => (absent ? away : undefined) });
  return {
    ...it,
    comeBack() {
      absent = false;
      it.approvals.awayChanged(false);
    },
  };
}

test('an effect is answered at once, and its question waits for the return, however long', async () => {
  const { ask, only, approvals, clock, comeBack } = awayStage();
  expect(await ask(call()).answer).toEqual({ outcome: 'pending', after: 0, ...away });
  clock.advance(6 * 3_600_000);
  expect(only()).toMatchObject({ count: 1 });
  const staleId = only().id;
  comeBack();
  expect(only().expiresAt).toBe(new Date(clock.now() + 300_000).toISOString());
  expect(() => approvals.answer({ id: staleId, answer: 'allow' }, 'window')).toThrow(/changed/);
  approvals.answer({ id: only().id, answer: 'allow' }, 'window');
  // Good for its next identical call, once.
  expect(await ask(call()).answer).toMatchObject({ outcome: 'allowed', by: 'permit' });
  void ask(call());
  expect(approvals.list()).toHaveLength(1);
});

test('an agent that asks again and again meanwhile is one question, and one permit', async () => {
  const { ask, only, approvals, comeBack } = awayStage();
  for (let n = 0; n < 5; n += 1) expect((await ask(call()).answer).outcome).toBe('pending');
  expect(only().count).toBe(1);
  comeBack();
  approvals.answer({ id: only().id, answer: 'allow' }, 'window');
  expect((await ask(call()).answer).outcome).toBe('allowed');
  void ask(call());
  expect(approvals.list()).toHaveLength(1);
});

test('what is remembered goes on, and questions of before live until the return', async () => {
  let absent = false;
  const { ask, only, approvals, clock } = stage({ absence: () => (absent ? away : undefined) });
  const held = ask(call({ tool: 'move_file' }));
  absent = true;
  approvals.awayChanged(true);
  clock.advance(45_000);
  expect((await held.answer).outcome).toBe('pending');
  clock.advance(3_600_000);
  approvals.answer({ id: only().id, answer: 'allow', scope: 'tool', for: 'session' }, 'window');
  expect((await ask(call({ tool: 'move_file' }), asks).answer).by).toBe('remembered');
});

test('a question that nobody takes up ends after its usual time from the return', async () => {
  const { ask, approvals, clock, events, comeBack } = awayStage();
  await ask(call()).answer;
  comeBack();
  clock.advance(300_000);
  expect(approvals.list()).toEqual([]);
  expect(events.at(-1)).toMatchObject({ type: 'closed', answer: 'expired' });
});

test('what was allowed for a session ends with it, and nothing else does', async () => {
  const { ask, only, approvals } = stage();
  for (const [tool, duration] of [
    ['move_file', 'session'],
    ['write_file', 'always'],
  ] as const) {
    const request = ask(call({ tool }));
    approvals.answer({ id: only().id, answer: 'allow', scope: 'tool', for: duration }, 'window');
    await request.answer;
  }
  expect(approvals.endSessions()).toBe(1);
  expect(approvals.remembered().map((one) => one.duration)).toEqual(['always']);
  void ask(call({ tool: 'move_file' }));
  expect(approvals.list()).toHaveLength(1);
});
