import { afterEach, beforeEach, expect, it } from 'vitest';
import { modern, openStage, type Stage, send } from './stage.ts';

let stage: Stage;
beforeEach(async () => {
  stage = await openStage();
});
afterEach(() => stage.close());

const token = `ghp_${'a1B2c3D4e5F6'.repeat(3)}`;
/** The server sends back what it is sent, so a secret in the arguments is one in the result. */
const read = async (path: string, allowed = true) => {
  const answer = send(stage, modern('tools/call', { name: 'read_note', arguments: { path } }));
  if (allowed) (await stage.desk.next()).answer({ outcome: 'allowed', by: 'test' });
  return (await answer).text;
};

it('is sent once, by the person, and without running again', async () => {
  const masked = await read(token);
  expect(masked).toContain('secret removed: a GitHub token');
  expect(masked).not.toContain(token);
  const [result] = stage.gateway.maskedResults.list();
  expect(result).toMatchObject({ kinds: ['a GitHub token'], withheld: false });
  const id = result?.id ?? '';
  expect(stage.calls()[0]?.id).toBe(id);
  expect(stage.gateway.maskedResults.reveal(id).text).toContain(token);
  const before = stage.forwarded;
  stage.gateway.maskedResults.send(id);
  expect(await read(token, false)).toContain(token);
  expect(stage.forwarded).toBe(before);
  expect(() => stage.gateway.maskedResults.send(id)).toThrow('not kept any more');
  expect(await read(token)).not.toContain(token);
  expect(stage.forwarded).toBe(before + 1);
});

it('is forgotten with the access of the agent', async () => {
  await read(token);
  const id = stage.gateway.maskedResults.list()[0]?.id ?? '';
  stage.resourceServer.revoke(stage.grant);
  expect(stage.gateway.maskedResults.list()).toEqual([]);
  expect(() => stage.gateway.maskedResults.reveal(id)).toThrow('not kept any more');
});

it('characters that nobody sees pass and are reported', async () => {
  const text = await read('plan\u202e\u200b', false);
  expect(text).toContain('\u202e');
  const notes = stage.log.list({ limit: 50 }).rows.filter((row) => row.kind === 'server');
  expect(notes.map((row) => row.message).join()).toMatch(/holds \d+ characters that nobody sees/);
});
