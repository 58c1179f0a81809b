import { type ChildProcess, spawn } from 'node:child_process';
import { createHash, randomBytes, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { TLSSocket } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { registerEdgeCommands } from '../../../electron/cli/edge-commands.ts';
import { createKeyfileSealer } from '../../../electron/core/secrets/keyfile-sealer.ts';
import { createSecrets } from '../../../electron/core/secrets/secrets-file.ts';
import { createConfSettingsFile } from '../../../electron/core/settings/conf-settings-file.ts';
import { createSettings } from '../../../electron/core/settings/settings-station.ts';
import { systemClock } from '../../../electron/core/state/system-clock.ts';
import { joinEdge } from '../../../electron/core/tunnel/connectors/enrol.ts';
import { readNetwork } from '../../../electron/core/tunnel/connectors/network.ts';
import { createEdgeWay } from '../../../electron/core/tunnel/ways/edge.ts';
import type { WayIn } from '../../../electron/core/tunnel/ways/way.ts';
import { asSallyportError } from '../../../electron/shared/errors.ts';
import { agentTo, connectorFor, createInner, startConnector, until } from '../../fixtures/edge-harness.ts';
import { freePort } from '../../fixtures/free-port.ts';

const program = fileURLToPath(new URL('../../fixtures/edge-process.ts', import.meta.url));
const domain = 'box.edge.test';
let folder: string;
let config: string;
let edge: ChildProcess | undefined;
let port = 0;
let wayIn: WayIn | undefined;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sallyport-authority-'));
  config = join(folder, 'edge', 'edge.yaml');
  await mkdir(join(folder, 'pki'));
});
afterEach(async () => {
  await wayIn?.close(0);
  wayIn = undefined;
  edge?.kill('SIGKILL');
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
});

/** Runs one command of the edge's, beside the edge, which is a process of its own. */
async function run(...words: string[]): Promise<{ document: Record<string, unknown> }> {
  let out = '';
  const command = new Command().exitOverride();
  registerEdgeCommands(command, {
    stdout: (text) => {
      out += text;
    },
    stderr: () => undefined,
    json: () => true,
  });
  try {
    await command.parseAsync(['edge', ...words], { from: 'user' });
    return { document: JSON.parse(out) };
  } catch (error) {
    return { document: { error: asSallyportError(error, 'edge').toShape() } };
  }
}
const ca = (...words: string[]) => run('ca', '--config', config, ...words);

async function startEdge(): Promise<void> {
  const child = spawn(process.execPath, [program, 'edge', 'run', '--config', config, '--json']);
  edge = child;
  child.stderr.resume();
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  port = (JSON.parse(line) as { port: number }).port;
}

/** Pin of the authority in use. */
const shown = async (): Promise<string> => String((await ca()).document.active);

/** The app's side of the tunnel: real settings, secrets and files. Asks the edge every 150 ms in place of every 12 hours. */
async function openApp(): Promise<{ way: ReturnType<typeof createEdgeWay>; pins: () => readonly string[] }> {
  const settings = createSettings({
    path: join(folder, 'settings.json'),
    openFile: () => createConfSettingsFile(folder),
    clock: systemClock,
  });
  const secrets = await createSecrets({
    path: join(folder, 'secrets', 'secrets.json'),
    sealer: createKeyfileSealer({ path: join(folder, 'secrets', 'keyfile') }),
  });
  const way = createEdgeWay({
    clock: {
      ...systemClock,
      schedule: (ms, task) => systemClock.schedule(ms === 12 * 3_600_000 ? 150 : ms, task),
    },
    settings,
    secrets,
    folder: join(folder, 'pki'),
    network: async () => readNetwork({}),
    onNote: () => undefined,
  });
  if (settings.get().tunnel.way !== 'edge') {
    const { document } = await run('invite', '--config', config, '--name', 'box');
    const chosen = await way.choose({ way: 'edge', join: String(document.join) }, settings.get().tunnel);
    settings.update((current) => ({
      ...current,
      tunnel: { ...current.tunnel, ...chosen.kept, way: 'edge', domain: chosen.domain },
    }));
  }
  const pins = (): readonly string[] => {
    const { caPin = '', caPins = [] } = settings.get().tunnel.edge ?? {};
    return [caPin, ...caPins];
  };
  return { way, pins };
}

async function echo(agent: TLSSocket): Promise<void> {
  const sent = randomBytes(50_000);
  const got = new Promise<Buffer>((resolve) => {
    const chunks: Buffer[] = [];
    const onData = (chunk: Buffer): void => {
      chunks.push(chunk);
      if (Buffer.concat(chunks).length < sent.length) return;
      agent.off('data', onData);
      resolve(Buffer.concat(chunks));
    };
    agent.on('data', onData);
  });
  agent.write(sent);
  expect(
    createHash('sha256')
      .update(await got)
      .digest('hex'),
  ).toBe(createHash('sha256').update(sent).digest('hex'));
}

test('the edge changes its authority: two are trusted, certificates move over, no tunnel and no stream is lost, kill -9 included', async () => {
  const words = [
    '--name',
    'edge.test',
    '--port',
    String(await freePort()),
    '--host',
    '127.0.0.1',
    '--operations',
    'off',
  ];
  await run('init', join(folder, 'edge'), ...words);
  await writeFile(config, `${await readFile(config, 'utf8')}public: { host: 127.0.0.1 }\n`);
  await startEdge();
  const first = await shown();

  const inner = await createInner(domain, (socket) => socket.pipe(socket));
  let app = await openApp();
  wayIn = await app.way.open();
  const { connector } = wayIn;
  await startConnector(connector, inner.feed);
  const agent = await agentTo(port, domain, inner.ca);
  await echo(agent);
  const states = new Set<string>();
  const stopWatching = connector.onChange(() => states.add(connector.status().state));

  expect((await ca('rotate', 'switch')).document).toMatchObject({ error: { code: 'authority_rotation' } });
  const begun = await ca('rotate', 'begin');
  const next = String(begun.document.next);
  expect(begun.document).toMatchObject({ active: first, pending: [{ kind: 'connector', name: domain }] });
  // Not yet: that machine would be locked out.
  expect((await ca('rotate', 'switch')).document).toMatchObject({ error: { code: 'authority_pending' } });
  edge?.kill('SIGHUP');
  await expect.poll(async () => (await ca()).document.pending, { timeout: 20_000 }).toEqual([]);
  expect(app.pins()).toEqual([first, next]);
  const [, second] = String(begun.document.pem).split(/(?<=-----END CERTIFICATE-----\n)/);
  const signer = new X509Certificate(second ?? '').publicKey;
  const held = () => readFile(join(folder, 'pki', `${domain}.connector.pem`), 'utf8');
  await expect.poll(async () => new X509Certificate(await held()).verify(signer), { timeout: 20_000 }).toBe(true);
  expect((await ca('rotate', 'cancel')).document).toMatchObject({ error: { code: 'authority_pending' } });

  expect((await ca('rotate', 'switch')).document).toMatchObject({ active: next, old: first });
  edge?.kill('SIGHUP');
  // What ran since before the change still runs, on the connection that drains; new ones take the others.
  await echo(agent);
  await echo(await agentTo(port, domain, inner.ca));
  expect(states).toEqual(new Set(['connected']));
  stopWatching();

  // Killed in the middle of the change, both ends: what is on the disk is enough to go on.
  edge?.kill('SIGKILL');
  await until(connector, () => connector.status().connections.length === 0);
  await wayIn.close(0);
  await startEdge();
  app = await openApp();
  wayIn = await app.way.open();
  await startConnector(wayIn.connector, inner.feed);
  await echo(await agentTo(port, domain, inner.ca));

  expect((await ca('rotate', 'finish')).document).not.toHaveProperty('old');
  edge?.kill('SIGHUP');
  await expect.poll(app.pins, { timeout: 20_000 }).toEqual([next]);
  await echo(await agentTo(port, domain, inner.ca));
  expect(wayIn.connector.status().connections).toHaveLength(2);
  // The old key is nowhere any more.
  expect((await readdir(join(folder, 'edge'))).filter((name) => name.endsWith('.key'))).toHaveLength(1);
  expect((await readdir(join(folder, 'edge'))).includes('ca.key')).toBe(false);
  expect((await readFile(join(folder, 'pki', `${domain}.edge-ca.pem`), 'utf8')).match(/BEGIN/g)).toHaveLength(1);
}, 60_000);

test('a certificate of an authority that was let go of opens nothing, and its connections end', async () => {
  const words = [
    '--name',
    'edge.test',
    '--port',
    String(await freePort()),
    '--host',
    '127.0.0.1',
    '--operations',
    'off',
  ];
  await run('init', join(folder, 'edge'), ...words);
  await writeFile(config, `${await readFile(config, 'utf8')}public: { host: 127.0.0.1 }\n`);
  await startEdge();
  const { document } = await run('invite', '--config', config, '--name', 'box');
  const connector = connectorFor(await joinEdge(String(document.join)), { random: () => 0 });
  try {
    await startConnector(connector, (stream) => stream.pipe(stream));
    for (const step of ['begin', 'switch', 'finish'])
      expect((await ca('rotate', step, '--anyway')).document).not.toHaveProperty('error');
    edge?.kill('SIGHUP');
    // It stays refused: it knows the old authority alone, and the edge lets in the new one's alone.
    await until(connector, () => connector.status().state === 'trouble');
    expect(connector.status().connections).toEqual([]);
  } finally {
    await connector.stop(0);
  }
}, 60_000);
