import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startCore } from '../../../electron/core/core.ts';
import { createConfSettingsFile } from '../../../electron/core/settings/conf-settings-file.ts';
import { systemClock } from '../../../electron/core/state/system-clock.ts';
import { createAuthority } from '../../../electron/core/tunnel/pki/authority.ts';
import { issueServerCertificate } from '../../../electron/core/tunnel/pki/issue-certificate.ts';
import { provideTool } from '../../debian-tools.mjs';
import { type Forwarder, startForwarder } from '../../fixtures/forwarder.ts';
import { freePort } from '../../fixtures/free-port.ts';
import { startSshd } from '../../fixtures/sshd.ts';
import { callEcho, openForward, type Stage, startStage } from './stage.ts';

let stage: Stage;
const forwarders: Forwarder[] = [];
const forward = async (...of: Parameters<typeof startForwarder>): Promise<Forwarder> => {
  const started = await startForwarder(...of);
  forwarders.push(started);
  return started;
};

beforeEach(async () => {
  stage = await startStage();
});
afterEach(async () => {
  await stage.close();
  for (const one of forwarders.splice(0)) await one.close();
});

interface Probe {
  readonly ok: boolean;
  readonly hop?: string;
  readonly detail?: string;
}
const probe = async (): Promise<Probe> => (await stage.tryCli('tunnel', 'probe')).json() as Probe;

/** The doctor's line on one check. */
async function diagnosis(check: string): Promise<{ ok: boolean; hop: string; detail: string; fix?: string }> {
  const { stdout } = await stage.tryCli('doctor');
  const lines = stdout.trim().split('\n');
  return lines.map((line) => JSON.parse(line)).find((line) => line.check === check);
}

test('a forwarder of bytes: share URLs under its name, the public probe, a call, and a doctor that finds it well', async () => {
  const port = await freePort();
  const { local, ...status } = await openForward(stage, 'localhost', port);
  expect(status).toMatchObject({ way: 'forward', domain: 'localhost', port, state: 'connected', proof: 'outside' });
  // Nothing forwards yet, and the status does not say otherwise.
  expect(await probe()).toMatchObject({ ok: false, hop: 'edge', detail: expect.stringContaining(`localhost:${port}`) });
  await forward(local, { port });
  expect(await probe()).toMatchObject({ ok: true });
  const { url, token } = await stage.share();
  expect(url).toBe(`https://localhost:${port}/echo/mcp`);
  const { pem } = await stage.cli<{ pem: string }>('tunnel', 'ca');
  expect(await callEcho(url, token, pem, 'by the forwarder')).toContain('by the forwarder');
  expect(await stage.cli('status')).toMatchObject({ state: 'sharing', way: 'forward', probe: { ok: true } });
  for (const check of ['forwarder', 'dns', 'edge-reachable', 'tunnel', 'inner-tls', 'gateway']) {
    expect(await diagnosis(check), check).toMatchObject({ ok: true });
  }

  // Another public port is another resource: what was granted for the old URLs ends.
  await openForward(stage, 'localhost', await freePort());
  const { agents } = await stage.cli<{ agents: { grants: unknown[] }[] }>('agents', 'list');
  expect(agents.flatMap((agent) => agent.grants)).toEqual([]);
});

test('a forwarder that ends TLS itself is told from one that does not, by probe and doctor, and nothing is shared by it', async () => {
  const port = await freePort();
  const { local } = await openForward(stage, 'localhost', port);
  const { authority } = await createAuthority({ commonName: 'Helpful Forwarder', now: Date.now() });
  const own = await issueServerCertificate({ authority, hosts: ['localhost'], now: Date.now() });
  const ending = await forward(local, { port, ending: { cert: own.pem, key: own.keyPem } });
  const words = expect.stringMatching(/Helpful Forwarder.*ends TLS itself/);
  expect(await probe()).toMatchObject({ ok: false, hop: 'inner-tls', detail: words });
  expect(await diagnosis('forwarder')).toMatchObject({
    ok: false,
    hop: 'edge',
    detail: expect.stringMatching(/ends TLS itself.*Helpful Forwarder/),
    fix: expect.stringContaining('TCP'),
  });
  await expect(stage.share()).rejects.toThrow('tunnel_not_ready');
  await ending.close();
  forwarders.splice(0);
  await forward(local, { port });
  expect(await diagnosis('forwarder')).toMatchObject({ ok: true });
});

test('a forwarder that leads elsewhere: what answers is named, with the port to point it at', async () => {
  const nobody = await freePort();
  const astray = await forward(nobody);
  const { local } = await openForward(stage, 'localhost', astray.port);
  expect(await probe()).toMatchObject({
    ok: false,
    hop: 'tunnel',
    detail: expect.stringContaining(`127.0.0.1:${local}`),
  });
  expect(await diagnosis('forwarder')).toMatchObject({ ok: false, fix: expect.stringContaining(`127.0.0.1:${local}`) });

  const plain = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.end('HTTP/1.1 400 Bad Request\r\n\r\n');
  });
  plain.listen(0, '127.0.0.1');
  await once(plain, 'listening');
  await openForward(stage, 'localhost', (plain.address() as AddressInfo).port);
  expect(await diagnosis('forwarder')).toMatchObject({ ok: false, detail: expect.stringContaining('not speak TLS') });
  plain.close();
});

test('the loopback port stays where the forwarder is pointed: over a restart, and where it is busy that is an error', async () => {
  const { local } = await openForward(stage, 'localhost', 8_443);
  const again = async () =>
    await startCore({
      dataDir: stage.dataDir,
      version: '0.0.0',
      clock: systemClock,
      openSettingsFile: () => createConfSettingsFile(stage.dataDir),
      selfCommand: [],
      cliMayDecide: true,
    });
  await stage.core.stop();
  const second = await again();
  expect(await stage.cli('tunnel', 'status')).toMatchObject({ way: 'forward', port: 8_443, forward: { local } });
  await second.stop();
  const squatter = createServer().listen(local, '127.0.0.1');
  await once(squatter, 'listening');
  await expect(again()).rejects.toMatchObject({ code: 'port_in_use', hop: 'tunnel' });
  squatter.close();
});

test('it listens on loopback alone, and typing mistakes are told before anything changes', async () => {
  const { local } = await openForward(stage, 'localhost', 443);
  const other = connect({ host: '127.0.0.1', port: local });
  await once(other, 'connect');
  expect(other.remoteAddress).toBe('127.0.0.1');
  other.destroy();
  for (const [args, status] of [
    [['--name', '203.0.113.5'], 2],
    [['--name', 'box.example.net', '--port', '70000'], 2],
    [['--port', '443'], 2],
    [['more'], 2],
  ] as const) {
    expect((await stage.tryCli('tunnel', 'use', 'forward', ...args)).status, args.join(' ')).toBe(status);
  }
  await stage.cli('tunnel', 'use', 'embedded');
  // The name is kept, so that changing back needs none.
  expect(await stage.cli('tunnel', 'use', 'forward')).toMatchObject({ way: 'forward', domain: 'localhost', port: 443 });
});

const [sshd, ssh] = [provideTool('sshd'), provideTool('ssh')];
test.skipIf(!sshd || !ssh)(`ssh -R is such a forwarder${sshd && ssh ? '' : ' (skipped: no sshd here)'}`, async () => {
  const server = await startSshd({ sshd: sshd ?? '', ssh: ssh ?? '' }, stage.folder);
  try {
    // The port is known when ssh runs, so it is pointed at this machine's port first.
    const { local } = await openForward(stage, 'localhost', 443);
    const tunnel = await server.forward(local);
    await openForward(stage, 'localhost', tunnel.port);
    const { url, token } = await stage.share();
    const { pem } = await stage.cli<{ pem: string }>('tunnel', 'ca');
    const text = 'x'.repeat(300_000);
    expect(await callEcho(url, token, pem, text)).toContain(text);
    expect(await diagnosis('forwarder')).toMatchObject({ ok: true });
    await tunnel.stop();
    expect(await probe()).toMatchObject({ ok: false, hop: 'edge' });
  } finally {
    await server.stop();
  }
});
