import { afterEach, describe, expect, it } from 'vitest';
import type { ResponsePayload } from '../../fixtures/openai-control-plane/strictness.ts';
import { modern, modernCall, openTunnelStage, type TunnelStage } from './tunnel-stage.ts';

// A command that is delivered again after the app was restarted does not run a second time, and the answer says so.

let open: TunnelStage | undefined;
async function openStage(): Promise<TunnelStage> {
  open = await openTunnelStage();
  return open;
}
afterEach(async () => {
  const violations = open?.plane.violations ?? [];
  await open?.close();
  open = undefined;
  expect(violations).toEqual([]);
});

function errorOf(payload: ResponsePayload): { code: number; message: string; data?: unknown } {
  if (!('resp_json' in payload) || !('error' in payload.resp_json)) throw new Error(JSON.stringify(payload));
  return payload.resp_json.error as { code: number; message: string; data?: unknown };
}

describe('commands over a restart', () => {
  it('does not run again what was running, and says that its end is not known', async () => {
    const tunnel = await openStage();
    const { plane, stage } = tunnel;
    const sent = plane.enqueue({ jsonrpc: JSON.stringify(modernCall(1, 'read_never')) });
    await stage.said('never');
    await tunnel.restart();
    plane.redeliver();
    const error = errorOf(await sent.answer);
    expect(error).toMatchObject({ code: -32_603, data: { tunnel_failure: { source: 'client_internal' } } });
    expect(error.message).toContain('not known here; it was not run again');
    expect(stage.calls()).toHaveLength(1);
    expect(stage.stderr.filter((line) => line.startsWith('never'))).toHaveLength(1);
    expect(tunnel.notes.join()).toContain('taken before a restart');
  });

  it('does not run again what was answered where the answer was lost, and says that it was carried out', async () => {
    const tunnel = await openStage();
    const { plane, stage } = tunnel;
    // Refused for good, so that the service goes on waiting.
    plane.failPosts({ kind: 'status', status: 400 });
    const ended = stage.nextEnd();
    const sent = plane.enqueue({ jsonrpc: JSON.stringify(modernCall(1, 'read_note', { path: 'a.md' })) });
    expect(await ended).toMatchObject({ outcome: 'ran' });
    await expect.poll(() => plane.posts.length, { timeout: 10_000 }).toBe(1);
    await expect.poll(() => tunnel.notes.join(), { timeout: 10_000 }).toContain('was not taken');
    await tunnel.restart();
    plane.redeliver();
    expect(errorOf(await sent.answer).message).toContain('carried out and answered before');
    expect(stage.calls()).toHaveLength(1);
  });

  it('answers anew what cannot have had an effect', async () => {
    const tunnel = await openStage();
    const { plane } = tunnel;
    plane.failPosts({ kind: 'status', status: 400 });
    const sent = plane.enqueue({ jsonrpc: JSON.stringify(modern(1, 'tools/list')) });
    await expect.poll(() => tunnel.notes.join(), { timeout: 10_000 }).toContain('was not taken');
    await tunnel.restart();
    plane.redeliver();
    expect(JSON.stringify(await sent.answer)).toContain('read_note');
  });

  it('runs what comes with a new id, though everything else is the same', async () => {
    const tunnel = await openStage();
    await tunnel.plane.call(modernCall(1, 'read_note', { path: 'a.md' }));
    await tunnel.restart();
    await tunnel.plane.call(modernCall(1, 'read_note', { path: 'a.md' }));
    expect(tunnel.stage.calls()).toHaveLength(2);
  });

  it('does not run what cannot be noted on the disk', async () => {
    const tunnel = await openStage();
    await tunnel.plane.call(modernCall(1, 'read_note', { path: 'a.md' }));
    tunnel.breakJournal();
    const error = errorOf(await tunnel.plane.call(modernCall(2, 'read_note', { path: 'a.md' })));
    expect(error.message).toContain('did not run');
    expect(tunnel.stage.calls()).toHaveLength(1);
  });
});
