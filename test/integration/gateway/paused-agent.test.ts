import { afterEach, beforeEach, expect, it } from 'vitest';
import { readRules } from '../../../electron/core/policy/rules-document.ts';
import { modern, openStage, type Stage, send } from './stage.ts';

let stage: Stage;
beforeEach(async () => {
  stage = await openStage({ planted: 'acct-7k2m9q-xt44wd3h' });
});
afterEach(() => stage.close());

const read = async (path: string, token = stage.token) => {
  const asked = modern('tools/call', { name: 'read_note', arguments: { path } });
  const answer = await send(stage, { ...asked, headers: { ...asked.headers, authorization: `Bearer ${token}` } });
  const { result } = answer.json as { result?: { isError?: boolean; _meta?: Record<string, { outcome?: string }> } };
  return result?.isError ? result._meta?.['sallyport/decision']?.outcome : 'ran';
};

it('a budget that pauses stops the agent until a person resumes it', async () => {
  stage.policy.setRules(readRules('version: 1\nbudgets: [{ calls: 2, per: 1h, then: pause }]\n', 'r'));
  const other = stage.mint('Another agent').token;
  expect([await read('a'), await read('b')]).toEqual(['ran', 'ran']);
  expect([await read('c'), await read('d')]).toEqual(['budget', 'paused']);
  expect(await read('e', other)).toBe('ran');
  const [agent] = stage.agents.list();
  expect(agent?.why).toContain('budget of 2 calls');
  // Its window is over sooner or later; that alone lets nothing of it run.
  stage.policy.setRules(readRules('version: 1\n', 'r'));
  expect(await read('f')).toBe('paused');
  stage.agents.resume(agent?.id ?? '');
  stage.policy.resumed(agent?.id ?? '');
  expect(await read('g')).toBe('ran');
  const rules = stage.calls().map((row) => row.decision?.rule);
  expect(rules.filter((rule) => rule === 'budget:pause')).toHaveLength(1);
  expect(rules.filter((rule) => rule === 'agent:paused')).toHaveLength(2);
});

it('a planted value stops the call before the server hears of it, and everything after', async () => {
  expect(await read('a')).toBe('ran');
  const before = stage.forwarded;
  expect(await read(Buffer.from('see acct-7k2m9q-xt44wd3h').toString('base64'))).toBe('paused');
  expect(await read('a')).toBe('paused');
  expect(stage.forwarded).toBe(before);
  const row = stage.calls().find((one) => one.decision?.rule === 'canary:leaves');
  expect([row?.outcome, row?.decision?.reasons[0]]).toEqual(['paused', expect.stringContaining('in the notes')]);
});
