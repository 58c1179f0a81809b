import { once } from 'node:events';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { homedir, hostname, tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Core, startCore } from '../../../electron/core/core.ts';
import { examine } from '../../../electron/core/doctor/doctor.ts';
import { createConfSettingsFile } from '../../../electron/core/settings/conf-settings-file.ts';
import { systemClock } from '../../../electron/core/state/system-clock.ts';
import { startEdge, type TestEdge, wideLimits } from '../../fixtures/edge-harness.ts';
import { cliHere } from '../cli/cli.ts';

interface Line {
  check: string;
  hop: string;
  ok: boolean;
  detail: string;
  fix?: string;
}

let folder: string;
let dataDir: string;
let core: Core | undefined;
let edge: TestEdge | undefined;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sp-doctor-'));
  dataDir = join(folder, 'data');
});
afterEach(async () => {
  await core?.stop();
  core = undefined;
  await edge?.edge.close(0);
  edge = undefined;
  await rm(folder, { recursive: true, force: true });
});

async function start(version = '0.0.0'): Promise<Core> {
  core = await startCore({
    dataDir,
    version,
    clock: systemClock,
    openSettingsFile: () => createConfSettingsFile(dataDir),
    selfCommand: [process.execPath, join(import.meta.dirname, '../../../electron/cli/main.ts')],
    cliMayDecide: true,
  });
  return core;
}

const cli = (...args: string[]) => cliHere([...args, '--data-dir', dataDir, '--json']);

/** Runs the doctor as people do. */
async function doctor(
  ...args: string[]
): Promise<{ status: number | null; lines: Line[]; last: { ok: boolean; failed: string[] } }> {
  const run = await cli('doctor', ...args);
  const lines = run.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  return { status: run.status, last: lines.pop(), lines };
}

const found = (lines: Line[], check: string): Line | undefined => lines.find((line) => line.check === check);

test('without an instance it works on the files, says what is missing and how to mend it, and writes nothing', async () => {
  const { status, lines, last } = await doctor();
  expect(status).toBe(5);
  expect(last).toEqual({ ok: false, failed: ['data-folder', 'instance'] });
  expect(found(lines, 'instance')).toMatchObject({
    hop: 'app',
    ok: false,
    fix: expect.stringContaining('sallyport run'),
  });
  for (const line of lines) expect(line.ok || line.fix, line.check).toBeTruthy();
  await expect(readFile(join(dataDir, 'settings.json'))).rejects.toMatchObject({ code: 'ENOENT' });
});

test('a running instance: every hop is found well, in the order of the road', async () => {
  await start();
  const { status, lines, last } = await doctor();
  expect(lines.filter((line) => !line.ok)).toEqual([]);
  expect([status, last]).toEqual([0, { ok: true, failed: [] }]);
  expect(lines.map((line) => line.check)).toEqual([
    'clock',
    'data-folder',
    'disk',
    'versions',
    'settings',
    'secrets',
    'instance',
    'edge-reachable',
    'certificates',
    'tunnel',
    'inner-tls',
    'gateway',
    'servers',
    'approvals',
    'paused',
  ]);
});

test('an edge: each hop of the way out; when it is gone, it is the edge that is named, and what lies behind is not blamed', async () => {
  edge = await startEdge();
  await start('0.0.1');
  const line = join(folder, 'line');
  await writeFile(line, await edge.joinLine('box.edge.test'));
  expect((await cli('tunnel', 'use', 'edge', '--join-file', line)).status).toBe(0);
  await until(async () => (await cli('tunnel', 'status')).stdout.includes('"connected"'));
  const well = await doctor();
  for (const check of ['proxy', 'dns', 'edge-reachable', 'edge-certificate', 'edge-membership', 'tunnel', 'gateway']) {
    expect(found(well.lines, check), check).toMatchObject({ ok: true });
  }
  expect(found(well.lines, 'clock')?.detail).toContain('of the edge’s');
  // The app was started with another version than the command line's.
  expect(well.last).toEqual({ ok: false, failed: ['versions'] });

  await edge.edge.close(0);
  await until(async () => !(await cli('tunnel', 'status')).stdout.includes('"connected"'));
  const gone = await doctor();
  expect(gone.status).toBe(5);
  expect(found(gone.lines, 'edge-reachable')).toMatchObject({ ok: false, hop: 'edge' });
  expect(found(gone.lines, 'inner-tls')?.detail).toContain('Not reached');
});

test('one fault each: it is named, at its hop, and nothing else is', async () => {
  await start();
  await cli('pause');
  expect((await doctor()).last.failed).toEqual(['paused']);
  await cli('resume');
  await core?.stop();
  core = undefined;
  await expect.poll(async () => (await doctor()).last.failed).toEqual(['instance']);

  await chmod(dataDir, 0o755);
  expect((await doctor()).last.failed).toEqual(['data-folder', 'instance']);
  await chmod(dataDir, 0o700);

  await chmod(join(dataDir, 'secrets', 'keyfile'), 0o644);
  expect((await doctor()).last.failed).toContain('secrets');
  await chmod(join(dataDir, 'secrets', 'keyfile'), 0o600);

  const { port } = JSON.parse(await readFile(join(dataDir, 'settings.json'), 'utf8')).ports.edge as { port: number };
  const squatter = createServer().listen({ host: '127.0.0.1', port });
  await once(squatter, 'listening');
  expect((await doctor()).last.failed).toEqual(['instance']);
  const path = join(dataDir, 'settings.json');
  const chosen = JSON.parse(await readFile(path, 'utf8'));
  chosen.ports.edge.chosen = true;
  await writeFile(path, JSON.stringify(chosen));
  expect((await doctor()).last.failed).toEqual(['instance', 'ports']);
  squatter.close();

  const ahead = { ...systemClock, now: () => Date.now() + 400 * 86_400_000 };
  expect(await failedAt(ahead)).toContain('certificates');
  const behind = { ...systemClock, now: () => Date.now() - 3 * 86_400_000 };
  expect(await failedAt(behind)).toEqual(expect.arrayContaining(['clock', 'certificates']));

  const settings = await readFile(join(dataDir, 'settings.json'), 'utf8');
  await writeFile(join(dataDir, 'settings.json'), settings.slice(0, 40));
  expect((await doctor()).last.failed).toContain('settings');
});

async function failedAt(clock: typeof systemClock): Promise<string[]> {
  const failed: string[] = [];
  for await (const check of examine({ dataDir, version: '0.0.0', clock, environment: {} })) {
    if (!check.ok) failed.push(check.check);
  }
  return failed;
}

test('the report holds nothing of what was planted everywhere, while the terminal may', async () => {
  const plant = (where: string): string => `planted${where}x7f3`;
  const domain = `${plant('domain')}.edge.test`;
  edge = await startEdge({ limits: wideLimits });
  await start();
  const join_ = join(folder, 'line');
  await writeFile(join_, await edge.joinLine(domain));
  expect((await cli('tunnel', 'use', 'edge', '--join-file', join_)).status).toBe(0);
  const env = join(folder, 'env');
  await writeFile(env, `API_KEY=${plant('env')}\n`);
  const script = join(folder, `${plant('path')}.mjs`);
  await writeFile(script, `process.stderr.write('token ${plant('stderr')}\\n'); process.exit(3);\n`);
  const added = await cli(
    ...['servers', 'add', plant('name'), '--command', process.execPath, '--arg', script, '--arg', plant('arg')],
    ...['--env-file', env],
  );
  expect(added.stderr).toBe('');
  await cli('servers', 'share', plant('name'));
  const web = await cli('servers', 'add', plant('web'), '--url', `http://127.0.0.1:9/${plant('url')}`);
  expect(web.stderr).toBe('');
  await cli('servers', 'share', plant('web'));
  // Shared in settings by hand, so that the doctor has to look at servers that fail.
  await core?.stop();
  core = undefined;
  const path = join(dataDir, 'settings.json');
  const settings = JSON.parse(await readFile(path, 'utf8'));
  for (const server of settings.servers) server.shared = true;
  settings.servers.push({
    slug: plant('slug'),
    name: plant('gone'),
    shared: true,
    target: { kind: 'stdio', command: `/nowhere/${plant('command')}`, args: [plant('arg')], env: [plant('envname')] },
  });
  await writeFile(path, JSON.stringify(settings));
  process.env.HTTPS_PROXY = `http://${plant('user')}:${plant('password')}@${plant('proxy')}.test:3128`;
  process.env.NO_PROXY = '127.0.0.1';
  const reports: string[] = [];
  let terminal = '';
  const look = async (): Promise<void> => {
    const report = join(folder, `report-${reports.length}.md`);
    terminal += JSON.stringify(await doctor('--report', report));
    reports.push(await readFile(report, 'utf8'));
  };
  try {
    await look();
    await start();
    await look();
    await edge.edge.close(0);
    await look();
    process.env.NO_PROXY = '';
    await look();
    await writeFile(path, `{"schemaVersion": 1, "${plant('settings')}": `);
    await look();
  } finally {
    delete process.env.HTTPS_PROXY;
    delete process.env.NO_PROXY;
  }
  const all = reports.join('\n');
  expect(all).toContain('**failed**');
  expect(all).not.toMatch(/planted|x7f3/);
  for (const private_ of [folder, homedir(), hostname(), '127.0.0.1', domain, 'edge.test', '/nowhere']) {
    if (private_.length > 3) expect(all, private_).not.toContain(private_);
  }
  if (userInfo().username.length > 4) expect(all).not.toContain(userInfo().username);
  // It could fail: the person's own terminal does show what the report leaves out, but no credentials.
  expect(terminal).toContain(plant('slug'));
  for (const secret of ['user', 'password', 'env', 'url']) expect(terminal).not.toContain(plant(secret));
}, 60_000);

async function until(holds: () => Promise<boolean>): Promise<void> {
  await expect.poll(holds, { timeout: 15_000 }).toBe(true);
}
