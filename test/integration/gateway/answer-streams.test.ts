import { setImmediate } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { initialize, legacy, openStage, type RawStream, type Stage, send, stream } from './stage.ts';

let stage: Stage;
let session: string;
beforeAll(async () => {
  stage = await openStage();
});
afterAll(() => stage.close());
beforeEach(async () => {
  session = await initialize(stage);
});
afterEach(() => {
  expect(stage.problems).toEqual([]);
});

const call = { name: 'read_on_signal', arguments: {} };
const post = (id: number): Promise<RawStream> => stream(stage, legacy(session, 'tools/call', call, id));
const comeBack = (lastId: string | undefined, own = session): Promise<RawStream> =>
  stream(stage, { method: 'GET', headers: { 'mcp-session-id': own, 'last-event-id': lastId ?? '' } });
/** Begins a call, and breaks its connection once the client has an id to come back with. */
const broken = async (id: number): Promise<{ readonly lastId: string; finish(): void }> => {
  const before = stage.stderr.length;
  const open = await post(id);
  expect(open.headers['content-type']).toBe('text/event-stream');
  open.next().catch(() => {});
  while (open.lastId === undefined) await setImmediate();
  while (!stage.stderr.slice(before).some((line) => line.startsWith('on signal'))) await setImmediate();
  const pid = Number(stage.stderr.at(-1)?.split(' ')[2]);
  const closed = stage.nextClose();
  open.cut();
  await closed;
  return { lastId: open.lastId, finish: () => process.kill(pid, 'SIGUSR2') };
};
const text = (message: unknown): unknown =>
  (message as { result?: { content: { text: string }[] } }).result?.content[0]?.text;

it('a client whose connection broke comes back for its answer while the call runs, and once more after it', async () => {
  const { lastId, finish } = await broken(1);
  const again = await comeBack(lastId);
  finish();
  const answer = await again.next();
  expect(answer).toMatchObject({ id: 1 });
  expect(text(answer)).toMatch(/^signalled/);
  // The stream ends with the answer.
  expect(await again.next()).toBeUndefined();
  // Its connection may have broken on the way.
  expect(await (await comeBack(lastId)).next()).toEqual(answer);
  // Nothing is left of it for a later call, which runs.
  const next = await broken(2);
  next.finish();
  const other = await (await comeBack(next.lastId)).next();
  expect(text(other)).not.toBe(text(answer));
});

it('an answer that came while nobody was there waits, and is given to one who asks for it, not to two', async () => {
  const ended = stage.nextEnd();
  const { lastId, finish } = await broken(1);
  finish();
  expect(await ended).toMatchObject({ outcome: 'ran', bytesOut: 0 });
  const kept = await send(stage, legacy(session, 'tools/call', call, 2));
  expect(kept.json).toMatchObject({ id: 2, result: { content: [{ text: expect.stringMatching(/^signalled/) }] } });
  const late = await comeBack(lastId);
  expect(await late.next()).toMatchObject({ id: 1, error: { code: -31_004 } });
  expect(await late.next()).toBeUndefined();

  const anew = stage.nextEnd();
  const second = await broken(3);
  second.finish();
  await anew;
  expect(await (await comeBack(second.lastId)).next()).toMatchObject({ id: 3, result: {} });
  // It was delivered: the same call runs.
  const third = await broken(4);
  third.finish();
  expect(await (await comeBack(third.lastId)).next()).toMatchObject({ id: 4, result: {} });
});

it('no other session, and no stranger, comes back to it', async () => {
  const { lastId, finish } = await broken(1);
  const elsewhere = await initialize(stage);
  const others = await comeBack(lastId, elsewhere);
  expect(
    (
      await send(stage, {
        method: 'GET',
        headers: {
          'mcp-session-id': session,
          'last-event-id': lastId,
          authorization: `Bearer ${stage.mint('Stranger').token}`,
        },
      })
    ).status,
  ).toBe(404);
  const own = await comeBack(lastId);
  finish();
  expect(await own.next()).toMatchObject({ id: 1, result: {} });
  // The stranger's stream is an ordinary one, primed with an id of its own.
  others.next().catch(() => {});
  while (others.lastId === undefined) await setImmediate();
  expect(others.lastId).not.toContain(lastId.split('.')[0]);
  others.cut();
});

it('gives nothing to one who comes back while all is paused', async () => {
  const ended = stage.nextEnd();
  const { lastId, finish } = await broken(1);
  finish();
  await ended;
  stage.paused = { at: new Date().toISOString() };
  const headers = { 'mcp-session-id': session, 'last-event-id': lastId };
  expect((await send(stage, { method: 'GET', headers })).status).toBe(503);
  stage.paused = undefined;
  expect(await (await comeBack(lastId)).next()).toMatchObject({ id: 1, result: {} });
});

it('an older client is sent no event without data, and still an id with its answer', async () => {
  session = await initialize(stage, '2025-06-18');
  const asked = legacy(session, 'tools/call', { name: 'get_process', arguments: {} }, 1);
  const answer = await send(stage, { ...asked, headers: { ...asked.headers, 'mcp-protocol-version': '2025-06-18' } });
  expect(answer.text).toMatch(/^id: \S+\nevent: message\ndata: \{/);
  const newer = await send(
    stage,
    legacy(await initialize(stage), 'tools/call', { name: 'get_process', arguments: {} }, 1),
  );
  expect(newer.text).toMatch(/^id: \S+\.0\nretry: 1000\ndata:\n\nid: \S+\.1\nevent: message\ndata: \{/);
});

it('who takes no event stream gets one document', async () => {
  const asked = legacy(session, 'tools/call', { name: 'get_process', arguments: {} }, 1);
  const answer = await send(stage, { ...asked, headers: { ...asked.headers, accept: 'application/json' } });
  expect(answer.headers['content-type']).toBe('application/json');
});
