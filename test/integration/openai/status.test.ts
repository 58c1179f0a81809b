import { afterEach, describe, expect, it } from 'vitest';
import type { ConnectorStatus } from '../../../electron/core/tunnel/connectors/connector.ts';
import { modernCall, openTunnelStage, type TunnelStage } from './tunnel-stage.ts';

// The status tells the truth within 5 s, whatever goes wrong (issue: a readiness that was green for 13 minutes).

let open: TunnelStage | undefined;
async function openStage(options: Parameters<typeof openTunnelStage>[0] = {}): Promise<TunnelStage> {
  open = await openTunnelStage(options);
  return open;
}
afterEach(async () => {
  const violations = open?.plane.violations ?? [];
  await open?.close();
  open = undefined;
  expect(violations).toEqual([]);
});

async function within(milliseconds: number, tunnel: TunnelStage, state: ConnectorStatus['state']): Promise<string> {
  const began = performance.now();
  await tunnel.until((now) => now === state);
  expect(performance.now() - began).toBeLessThan(milliseconds);
  return tunnel.connector.status().error?.code ?? '';
}

describe('the state of the way through OpenAI', () => {
  it('is connecting until a poll was answered, then connected; proven() waits for that', async () => {
    const tunnel = await openStage({ hold: true });
    expect(tunnel.connector.status().state).toBe('connecting');
    tunnel.plane.holdMs = 100;
    tunnel.connector.start();
    await tunnel.connector.proven();
    expect(tunnel.connector.status()).toMatchObject({ state: 'connected', connections: [{ transport: 'tls' }] });
  });

  it('says within 5 s that the key was revoked, also while the service holds polls longer than asked', async () => {
    for (const stubborn of [false, true]) {
      const tunnel = await openStage();
      tunnel.plane.holdMs = 100;
      await within(5_000, tunnel, 'connected');
      // The service's own record must have been seen to be readable with this key first.
      await expect.poll(() => tunnel.plane.metadataCalls()).toBeGreaterThan(0);
      tunnel.plane.holdMs = 30_000;
      tunnel.plane.stubborn = stubborn;
      await tunnel.plane.nextPoll();
      tunnel.plane.revoke();
      expect(await within(5_000, tunnel, 'trouble')).toBe('openai_key_refused');
      await tunnel.close();
      expect(tunnel.plane.violations).toEqual([]);
      open = undefined;
    }
  });

  it('says within 5 s that the service is unreachable, and comes back by itself', async () => {
    const tunnel = await openStage();
    tunnel.plane.holdMs = 100;
    await within(5_000, tunnel, 'connected');
    await tunnel.plane.down();
    expect(await within(5_000, tunnel, 'trouble')).toBe('openai_unreachable');
    expect(tunnel.connector.status().connections).toEqual([]);
    await tunnel.plane.up();
    tunnel.connector.retryNow();
    await within(5_000, tunnel, 'connected');
  });

  it('says within 5 s that the service went silent', async () => {
    const tunnel = await openStage();
    tunnel.plane.holdMs = 100;
    await within(5_000, tunnel, 'connected');
    tunnel.plane.mute = true;
    expect(await within(5_000, tunnel, 'trouble')).toBe('openai_unreachable');
  });

  it('does not ask without a pause where polls are not held', async () => {
    const tunnel = await openStage();
    tunnel.plane.holdMs = 0;
    await within(5_000, tunnel, 'connected');
    const before = tunnel.plane.polls.length;
    const began = performance.now();
    for (let polls = 0; polls < 5; polls += 1) await tunnel.plane.nextPoll();
    expect(performance.now() - began).toBeGreaterThan(350);
    expect(tunnel.plane.polls.length - before).toBeLessThanOrEqual(6);
  });

  it('says within 5 s that every command fails, though polls are answered', async () => {
    const tunnel = await openStage();
    tunnel.stage.record = {
      ...tunnel.stage.record,
      target: { kind: 'stdio', command: '/nonexistent/server', args: [], env: [] },
    };
    const calls = [1, 2, 3].map((id) => tunnel.plane.call(modernCall(id, 'read_note', { path: 'a' })));
    expect(await within(5_000, tunnel, 'trouble')).toBe('openai_calls_failing');
    expect(tunnel.connector.status().connections).toHaveLength(1);
    await Promise.all(calls);
  });

  it('is well again after a command that worked', async () => {
    const tunnel = await openStage();
    tunnel.plane.failPosts({ kind: 'status', status: 400 }, { kind: 'status', status: 400 });
    for (const id of [1, 2]) {
      tunnel.plane.enqueue({ jsonrpc: JSON.stringify(modernCall(id, 'read_note', { path: 'a' })) });
    }
    await within(5_000, tunnel, 'trouble');
    await tunnel.plane.call(modernCall(3, 'read_note', { path: 'a' }));
    await within(5_000, tunnel, 'connected');
  });

  it('refuses to be proven with a key that may not poll', async () => {
    const tunnel = await openStage({ hold: true });
    tunnel.plane.revoke();
    tunnel.connector.start();
    await expect(tunnel.connector.proven()).rejects.toMatchObject({ code: 'openai_key_refused', hop: 'edge' });
  });
});
