import { afterEach, describe, expect, it } from 'vitest';
import type { ResponsePayload } from '../../fixtures/openai-control-plane/strictness.ts';
import { modernCall, openTunnelStage, type TunnelStage } from './tunnel-stage.ts';

// Everything that the service and the way to it may do wrong, each by its name. Whatever it is: nothing runs twice, nothing is
// reported as run that did not run, and afterwards calls work.

let open: TunnelStage | undefined;
async function openStage(): Promise<TunnelStage> {
  open = await openTunnelStage();
  return open;
}
afterEach(async () => {
  const violations = open?.plane.violations ?? [];
  const problems = open?.stage.problems ?? [];
  await open?.close();
  open = undefined;
  expect(violations).toEqual([]);
  expect(problems).toEqual([]);
});

const read = (id: number, path = `${id}.md`) => modernCall(id, 'read_note', { path });
const text = (message: object) => ({ jsonrpc: JSON.stringify(message) });
function pathOf(payload: ResponsePayload): unknown {
  if (!('resp_json' in payload) || !('result' in payload.resp_json)) throw new Error(JSON.stringify(payload));
  return (payload.resp_json.result as { structuredContent?: { path?: unknown } }).structuredContent?.path;
}

describe('faults of the service', () => {
  it.each([429, 503])(
    '%d to polls and answers: comes back by itself, runs once, sends the same bytes',
    async (status) => {
      const { plane, stage } = await openStage();
      plane.failPolls({ kind: 'status', status }, { kind: 'status', status, retryAfter: '0' });
      plane.failPosts({ kind: 'status', status }, { kind: 'status', status, retryAfter: '1' });
      expect(pathOf(await plane.call(read(1)))).toBe('1.md');
      expect(plane.posts).toHaveLength(3);
      expect((plane.posts[2]?.at ?? 0) - (plane.posts[1]?.at ?? 0)).toBeGreaterThanOrEqual(1_000);
      expect(stage.calls()).toHaveLength(1);
    },
  );

  it('late: a command that waited long at the service has its whole time from when it came', async () => {
    const { plane, stage } = await openStage();
    plane.handsOut = false;
    plane.holdMs = 100;
    // The stand-in says that it was made in January: that counts for nothing.
    const sent = plane.enqueue({ ...text(read(1)), responseTimeout: '20s' });
    await plane.nextPoll();
    await plane.nextPoll();
    expect(sent.handedOut()).toBe(0);
    plane.handsOut = true;
    expect(pathOf(await sent.answer)).toBe('1.md');
    expect(stage.calls()).toHaveLength(1);
  });

  it('late: nothing is said of a command after its time', async () => {
    const { plane, stage } = await openStage();
    await plane.call(read(0));
    plane.failPosts({ kind: 'status', status: 503, retryAfter: '30' });
    const sent = plane.enqueue({ ...text(read(1)), responseTimeout: '3s' });
    await expect.poll(() => stage.calls().length).toBe(2);
    // The wait that is asked for is longer than its time: the attempt is not made.
    await plane.call(read(2));
    expect(plane.posts.filter((post) => post.requestId === sent.requestId)).toHaveLength(1);
  });

  it('duplicate: at once, while it runs, and after its answer, one command runs once', async () => {
    const { plane, stage } = await openStage();
    const sent = plane.enqueue({ ...text(modernCall(1, 'read_on_signal')), copies: 3 });
    const line = await stage.said('on signal');
    plane.redeliver();
    await expect.poll(() => sent.handedOut()).toBeGreaterThanOrEqual(4);
    // Its answer gets lost on the way, so that it comes once more, from another shard.
    plane.failPosts({ kind: 'status', status: 400 });
    process.kill(Number(line.split(' ')[2]), 'SIGUSR2');
    await expect.poll(() => plane.posts.length).toBeGreaterThanOrEqual(1);
    plane.redeliver();
    expect(JSON.stringify(await sent.answer)).toContain('signalled 1');
    expect(stage.stderr.filter((one) => one.startsWith('on signal'))).toHaveLength(1);
    expect(stage.calls()).toHaveLength(1);
  });

  it('reordered: each answer belongs to its own command, whatever order they come in', async () => {
    const { plane, stage } = await openStage();
    plane.reordered = true;
    plane.handsOut = false;
    const sent = Array.from({ length: 20 }, (_, id) => plane.enqueue(text(read(id))));
    plane.handsOut = true;
    plane.redeliver();
    for (const [id, one] of sent.entries()) {
      const answer = await one.answer;
      expect(answer.request_id).toBe(one.requestId);
      expect(pathOf(answer)).toBe(`${id}.md`);
    }
    expect(stage.calls()).toHaveLength(20);
  });

  it('expired: a command that comes with no time left touches no server and is not answered', async () => {
    const { plane, stage } = await openStage();
    for (const responseTimeout of ['0s', '0ms', '1ns']) plane.enqueue({ ...text(read(1)), responseTimeout });
    expect(pathOf(await plane.call(read(2)))).toBe('2.md');
    expect(plane.posts).toHaveLength(1);
    expect(stage.calls()).toHaveLength(1);
  });

  it('huge: commands and answers of megabytes pass whole, beside small ones', async () => {
    const { plane } = await openStage();
    const path = 'x'.repeat(400_000);
    const sent = [read(1, path), read(2), read(3, path)].map((message) => plane.enqueue(text(message)));
    const answers = await Promise.all(sent.map((one) => one.answer));
    expect(answers.map(pathOf)).toEqual([path, '2.md', path]);
  });

  it('malformed: whatever a poll brings, it is left alone, and what comes afterwards is served', async () => {
    const { plane, stage } = await openStage();
    const bodies = [
      '<html>Bad gateway</html>',
      '{"commands":[{"request_id":"r"',
      '{"commands":{"0":{}}}',
      '[]',
      '',
      '\ud800',
      '{"commands":[null,1,"x",[],{},{"request_id":7},{"request_id":"r","shard_token":""}]}',
    ];
    plane.holdMs = 100;
    for (const [id, body] of bodies.entries()) {
      plane.failPolls({ kind: 'body', body });
      expect(pathOf(await plane.call(read(id))), body).toBe(`${id}.md`);
    }
    expect(plane.posts).toHaveLength(bodies.length);
    expect(stage.calls()).toHaveLength(bodies.length);
  });

  it.each([
    ['before anything of it was said', { kind: 'cut', after: false }],
    ['in the middle of a list of commands', { kind: 'cut-mid-body' }],
  ] as const)('dropped connection mid-poll, %s: polls again and serves', async (_what, fault) => {
    const { plane, stage } = await openStage();
    plane.failPolls(fault, fault);
    expect(pathOf(await plane.call(read(1)))).toBe('1.md');
    expect(stage.calls()).toHaveLength(1);
  });

  it('dropped connection mid-poll, while the service holds it: polls again and serves', async () => {
    const { plane, stage } = await openStage();
    await plane.nextPoll();
    await plane.down();
    await plane.up();
    expect(pathOf(await plane.call(read(1)))).toBe('1.md');
    expect(stage.calls()).toHaveLength(1);
  });

  it('dropped connection after an answer was taken: the same answer again meets 404, and the call counts as delivered', async () => {
    const tunnel = await openStage();
    const { plane, stage } = tunnel;
    plane.failPosts({ kind: 'cut', after: true });
    expect(pathOf(await plane.call(read(1)))).toBe('1.md');
    await expect.poll(() => plane.posts.length).toBe(2);
    expect(pathOf(await plane.call(read(2)))).toBe('2.md');
    await expect.poll(() => stage.calls().map((row) => row.outcome)).toEqual(['ran', 'ran']);
    expect(tunnel.connector.status().state).toBe('connected');
  });
});
