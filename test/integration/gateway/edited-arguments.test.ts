import { afterEach, beforeEach, expect, it } from 'vitest';
import { readRules } from '../../../electron/core/policy/rules-document.ts';
import { fromPlain, JsonObject } from '../../../electron/shared/json-tree.ts';
import { modern, openStage, type Stage, send } from './stage.ts';

let stage: Stage;
beforeEach(async () => {
  stage = await openStage({ realApprovals: true });
});
afterEach(() => stage.close());

const write = (path: string) =>
  send(stage, modern('tools/call', { name: 'write_note', arguments: { path, text: 'Hello' } })).then(
    (answer) => answer.json as { result: { isError?: boolean; content: { text: string }[] } },
  );
const prompt = () =>
  new Promise<string>((resolve) => {
    const stop = stage.approvals.onEvent((event) => {
      if (event.type !== 'opened') return;
      stop();
      resolve(event.approval.id);
    });
  });
const allow = (id: string, args: unknown) =>
  stage.approvals.answer({ id, answer: 'allow', arguments: JSON.stringify(args) }, 'window');

it('what the person wrote runs, as a call of its own with its own digest', async () => {
  const asked = prompt();
  const answer = write('/srv/a');
  allow(await asked, { path: '/srv/b', text: 'Hello, Ana' });
  const { result } = await answer;
  // The server sends back what it was sent.
  expect(JSON.parse(result.content[0]?.text ?? '')).toMatchObject({
    arguments: { path: '/srv/b', text: 'Hello, Ana' },
  });
  const [changed, original] = stage.calls();
  expect(changed).toMatchObject({
    outcome: 'ran',
    arguments: { path: '/srv/b', text: 'Hello, Ana' },
    answer: { by: 'window' },
  });
  expect(original).toMatchObject({ outcome: 'denied', arguments: { path: '/srv/a', text: 'Hello' } });
  expect(original?.error).toContain(changed?.id);
  expect(stage.calls()).toHaveLength(2);
});

it('what denies the changed arguments denies them', async () => {
  stage.policy.setRules(
    readRules('version: 1\nrules: [{ id: not-there, when: { paths-under: [/srv/secret] }, then: deny }]\n', 'r'),
  );
  const asked = prompt();
  const answer = write('/srv/a');
  const before = stage.forwarded;
  allow(await asked, { path: '/srv/secret/b' });
  const { result } = await answer;
  expect([result.isError, result.content[0]?.text]).toEqual([true, expect.stringContaining('not-there')]);
  expect(stage.forwarded).toBe(before);
});

it('only one object can stand in their place, once, and the same arguments are no change', async () => {
  const asked = prompt();
  const answer = write('/srv/a');
  const id = await asked;
  for (const bad of ['[1]', 'no json', '{"a":1,"a":2}', '"text"']) {
    expect(() => stage.approvals.answer({ id, answer: 'allow', arguments: bad }, 'cli'), bad).toThrow('cannot be used');
  }
  for (const more of [{ for: 'always' as const }, { scope: 'tool' as const }, { answer: 'deny' as const }]) {
    expect(() => stage.approvals.answer({ id, answer: 'allow', arguments: '{}', ...more }, 'cli')).toThrow(
      'cannot be used',
    );
  }
  allow(id, { text: 'Hello', path: '/srv/a' });
  expect((await answer).result.isError).toBeUndefined();
  expect(stage.calls()).toHaveLength(1);
  expect(fromPlain({})).toBeInstanceOf(JsonObject);
});
