import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { initialize, legacy, openStage, type RawStream, type Stage, send, stream } from './stage.ts';

const fixture = join(import.meta.dirname, '../../fixtures/gateway/features-server.ts');
let stage: Stage;
beforeAll(async () => {
  stage = await openStage({ target: { kind: 'stdio', command: process.execPath, args: [fixture], env: [] } });
  stage.record = { ...stage.record, features: ['resources', 'prompts'] };
});
afterAll(() => stage.close());

const listen = (session: string, lastId?: string): Promise<RawStream> =>
  stream(stage, {
    method: 'GET',
    headers: { 'mcp-session-id': session, ...(lastId === undefined ? {} : { 'last-event-id': lastId }) },
  });
/** Makes the server say that prompts and resources changed, in that order. */
const change = async (session: string): Promise<void> => {
  await send(stage, legacy(session, 'tools/call', { name: 'get_changes', arguments: {} }, 1));
};
const both = ['notifications/prompts/list_changed', 'notifications/resources/list_changed'];
const take = async (from: RawStream, count: number): Promise<unknown[]> => {
  const got: unknown[] = [];
  for (let at = 0; at < count; at += 1) got.push(((await from.next()) as { method: string }).method);
  return got;
};
/** Kills the connection and waits until the gateway has noticed. */
const kill = async (one: RawStream): Promise<void> => {
  const closed = stage.nextClose();
  one.cut();
  await closed;
};

it('a client whose connection broke gets what it missed, once, and goes on', async () => {
  const session = await initialize(stage);
  const first = await listen(session);
  await change(session);
  expect(await take(first, 2)).toEqual(both);
  const seen = first.lastId;
  await kill(first);
  await change(session);
  await change(session);
  const second = await listen(session, seen);
  expect(await take(second, 4)).toEqual([...both, ...both]);
  expect(second.lastId).not.toBe(seen);
  await change(session);
  expect(await take(second, 2)).toEqual(both);
  // From the middle on, for a client that had got half.
  const middle = second.lastId?.replace(/[0-9]+$/, (at) => String(Number(at) - 1));
  await kill(second);
  const third = await listen(session, middle);
  expect(await take(third, 1)).toEqual(['notifications/resources/list_changed']);
  third.cut();
});

it('begins anew for a client that names nothing, another stream’s event, or one that never was', async () => {
  const [mine, other] = [await initialize(stage), await initialize(stage)];
  const elsewhere = await listen(other);
  await change(other);
  await take(elsewhere, 2);
  const first = await listen(mine);
  await change(mine);
  await take(first, 1);
  const own = first.lastId ?? '';
  await kill(first);
  for (const id of [undefined, elsewhere.lastId, own.replace(/[0-9]+$/, '999'), `${own} `, 'x'.repeat(2_000), '']) {
    await change(mine);
    const anew = await listen(mine, id);
    await change(mine);
    expect(await take(anew, 2), id).toEqual(both);
    await kill(anew);
  }
  elsewhere.cut();
});

it('keeps no more than a little for a client that stays away', async () => {
  const session = await initialize(stage);
  const first = await listen(session);
  await change(session);
  await take(first, 2);
  const seen = first.lastId;
  await kill(first);
  for (let time = 0; time < 40; time += 1) await change(session);
  const second = await listen(session, seen);
  expect(await take(second, 64)).toEqual(Array.from({ length: 32 }, () => both).flat());
  await change(session);
  expect(await take(second, 2)).toEqual(both);
  second.cut();
});
