import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type AppProcess, runCli, startApp } from '../app-process.ts';
import { startTunnelsApi, type TunnelsApiServer } from '../fixtures/anthropic-tunnels-api/tunnels-api-server.ts';
import { type CloudflareEdge, startCloudflareEdge } from '../fixtures/cloudflare-edge/cloudflare-edge.ts';
import { installFake } from '../fixtures/cloudflare-edge/install-fake.ts';

interface Status {
  way: string;
  domain: string;
  state: string;
  checklist: { step: string; state: string; detail: string }[];
}

describe.each([['native'], ['cloudflared, the fake one']])('a tunnel made by the API and held by %s', (mode) => {
  let app: AppProcess;
  let api: TunnelsApiServer;
  let edge: CloudflareEdge;
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sallyport-api-'));
    api = await startTunnelsApi();
    edge = await startCloudflareEdge();
    await writeFile(join(folder, 'edge-ca.pem'), edge.ca);
    app = await startApp();
  });
  afterEach(async () => {
    await app?.dispose();
    await edge?.close();
    await api?.close();
    await rm(folder, { recursive: true, force: true });
  });

  it('comes up by one command, and a rotated token is taken up while it is connected', async () => {
    const credential = api.issue();
    await writeFile(join(folder, 'api-token'), `${credential}\n`);
    const way = mode === 'native' ? ['--mode', 'native'] : ['--cloudflared', installFake(folder).path];
    const came = edge.next();
    const status = await app.cli<Status>(
      ...['tunnel', 'use', 'anthropic', '--api', '--api-token-file', join(folder, 'api-token'), '--api-url', api.url],
      ...['--edge', edge.address, '--edge-ca', join(folder, 'edge-ca.pem'), ...way],
    );
    const id = api.tunnels[0]?.id ?? '';
    expect(status).toMatchObject({ way: 'anthropic', domain: api.tunnels[0]?.domain });
    expect(status.checklist.find(({ step }) => step === 'authority')).toMatchObject({
      state: 'done',
      detail: expect.stringContaining(api.certificates[0]?.id ?? '-'),
    });
    const { fingerprint } = await app.cli<{ fingerprint: string }>('tunnel', 'ca');
    expect(fingerprint).toBe(api.certificates[0]?.fingerprint);
    const side = await came;
    expect(side.registration.secret).toBe(api.secretOf(id));

    // From now on the edge takes the new token alone, as a real one does; what is connected stays.
    const before = api.secretOf(id);
    const stream = await side.websocket('x.example');
    const again = edge.next();
    await app.cli('tunnel', 'api', 'rotate-token');
    edge.faults.secret = api.secretOf(id);
    expect(edge.faults.secret).not.toBe(before);
    if (mode === 'native') {
      // Its connection did not end: nothing has to be dialled anew before it does.
      expect(stream.destroyed).toBe(false);
      side.kill();
    }
    const renewed = await again;
    expect(renewed.registration.secret).toBe(api.secretOf(id));
    const listed = await app.cli<{ tunnels: object[]; certificates: object[] }>('tunnel', 'api', 'list');
    expect(listed).toMatchObject({ tunnels: [{ id, chosen: true }], certificates: [{ ours: true }] });

    for (const file of ['settings.json', 'log.db']) {
      const text = await readFile(join(app.dataDir, file), 'latin1');
      expect(text).not.toContain(credential);
      expect(text).not.toContain(api.tokenOf(id));
    }
  });

  it('leaves the old way in use when Anthropic says no', async () => {
    const way = mode === 'native' ? ['--mode', 'native'] : ['--cloudflared', installFake(folder).path];
    const args = ['tunnel', 'use', 'anthropic', '--api', '--api-token-file', '-', '--api-url', api.url, ...way];
    const result = await runCli([...args, '--json', '--data-dir', app.dataDir], { input: api.issue(['user:profile']) });
    expect(JSON.parse(result.stderr)).toMatchObject({ error: { code: 'tunnel_api_forbidden', hop: 'tunnel' } });
    expect((await app.cli<Status>('tunnel', 'status')).way).toBe('embedded');
  });
});

it('asks for cloudflared before it makes anything at Anthropic', async () => {
  const api = await startTunnelsApi();
  const app = await startApp();
  try {
    const args = ['tunnel', 'use', 'anthropic', '--api', '--api-token-file', '-', '--api-url', api.url];
    const input = api.issue();
    const result = await runCli([...args, '--cloudflared', '/nonexistent', '--json', '--data-dir', app.dataDir], {
      input,
    });
    expect(JSON.parse(result.stderr)).toMatchObject({ error: { code: 'cloudflared_missing' } });
    expect(api.requests).toHaveLength(0);
  } finally {
    await app.dispose();
    await api.close();
  }
});
