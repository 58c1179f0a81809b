import { X509Certificate } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { FirstCallView, LogRow } from '../../electron/shared/views.ts';
import { type AppProcess, startApp } from '../app-process.ts';
import { connectContract, type TestContractClient } from '../contract-client.ts';

describe('the first call, by a process of its own', () => {
  let app: AppProcess;
  let front: TestContractClient;
  let call: FirstCallView;

  beforeAll(async () => {
    app = await startApp();
    front = await connectContract(app.ui);
    call = await front.request('servers.firstCall', {});
  });
  afterAll(async () => {
    await front?.close();
    await app?.dispose();
  });

  it('passes every hop in the order of the road, each later than the one before', () => {
    expect(call.hops.map(({ hop }) => hop)).toEqual(['agent', 'edge', 'inner-tls', 'oauth', 'policy', 'server']);
    const times = call.hops.map(({ at }) => Date.parse(at));
    expect(times).toEqual([...times].sort((a, b) => a - b));
    expect(call.hops.find(({ hop }) => hop === 'inner-tls')?.detail).toContain('own certificate');
  });

  it('is one row of the log, decided and completed', async () => {
    const { rows } = await front.request('log.list', { server: call.slug });
    const calls = rows.filter((row: LogRow) => row.kind === 'call' && row.tool === call.tool);
    expect(calls).toMatchObject([{ id: call.callId, outcome: 'ran', decision: { effect: 'allow' } }]);
    const { row } = await front.request('log.show', { id: call.callId });
    expect(row.steps.map(({ step }) => step)).toEqual(['received', 'decided', 'forwarded', 'completed']);
  });

  it('leaves no token and no agent behind', async () => {
    expect((await front.request('agents.list', {})).agents).toEqual([]);
  });

  it('shows of the edge a name, sizes, times, and bytes in which nothing can be read', async () => {
    const { edge } = call;
    if (!edge) throw new Error('the embedded edge was not watched');
    expect(edge.name).toBe('localhost');
    // More than a handshake went up, and the answer came down.
    expect(edge.bytesUp).toBeGreaterThan(1_500);
    expect(edge.bytesDown).toBeGreaterThan(1_500);
    const bytes = Buffer.from(edge.sample, 'hex');
    expect(bytes.length).toBe(96);
    expect([...bytes.subarray(0, 3)]).toEqual([0x17, 0x03, 0x03]);
    for (const word of ['POST', 'list_notes', 'Bearer', 'sample-notebook']) {
      expect(bytes.includes(word), word).toBe(false);
    }
    const { pem } = await front.request('tunnel.ca', {});
    expect(new X509Certificate(pem).ca).toBe(true);
  });

  it('stops with the hop where it stopped, and keeps no token, while everything is paused', async () => {
    await app.cli('pause');
    await expect(front.request('servers.firstCall', {})).rejects.toMatchObject({ code: 'first_call_failed' });
    expect((await front.request('agents.list', {})).agents).toEqual([]);
    await app.cli('resume');
    expect(await front.request('servers.firstCall', {})).toMatchObject({ tool: call.tool });
  });
});
