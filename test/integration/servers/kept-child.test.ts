import { execFileSync, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type KeptChild, startKeptChild } from '../../../electron/core/servers/stdio/kept-child.ts';
import { systemClock } from '../../../electron/core/state/system-clock.ts';
import { allGone, fixture, runs, scriptRecord, station } from './station.ts';

let folder: string;
const pidsOf = async (file: string): Promise<number[]> => (await readFile(file, 'utf8')).split(' ').map(Number);
const start = (command: string, ...args: string[]): Promise<KeptChild> =>
  startKeptChild({ command, args, env: { PATH: process.env.PATH ?? '' }, cwd: folder, clock: systemClock });

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sallyport-test-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe.skipIf(process.platform === 'win32')('a kept child', () => {
  it('gets its arguments exactly, with no shell reading them', async () => {
    const args = ['$HOME', '`id`', 'a  b', '"; exit 1', '*', '', "it's", '\\n', '-n', 'ü\u2028'];
    const child = await start('printf', '%s\\0', ...args);
    expect(await text(child.stdout)).toBe(args.map((arg) => `${arg}\0`).join(''));
    expect(await child.exited).toEqual({ code: 0, signal: null });
  });

  it.runIf(process.platform === 'linux')('inherits no descriptor but its three', async () => {
    const child = await start('ls', '/proc/self/fd');
    // As without a keeper: three, the folder that ls itself has open, and what this process was started with.
    const plain = execFileSync('ls', ['/proc/self/fd'], { encoding: 'utf8' });
    expect(await text(child.stdout)).toBe(plain);
    await child.exited;
  });

  it('is the process itself, alone in a session of its own, and ends at the end of its stdin', async () => {
    const child = await start('cat');
    child.stdin.write('hello');
    const read = text(child.stdout);
    await child.stop(5_000);
    expect(await read).toBe('hello');
    expect(await child.exited).toEqual({ code: 0, signal: null });
  });

  it('tells a missing command and a file that is no program apart', async () => {
    await writeFile(join(folder, 'plain'), 'text');
    const refused = { code: 'server_not_ready', hop: 'server' };
    await expect(start('no-such-command-at-all')).rejects.toMatchObject({
      ...refused,
      message: 'Command not found: no-such-command-at-all.',
    });
    await expect(start('./nothing-here')).rejects.toMatchObject({
      ...refused,
      message: 'Command not found: ./nothing-here.',
    });
    await expect(start('./plain')).rejects.toMatchObject({
      ...refused,
      message: `Command not executable: ${join(folder, 'plain')}.`,
    });
    await expect(start(folder)).rejects.toMatchObject(refused);
  });

  it('ends with its whole tree on stop, though it heeds neither stdin nor SIGTERM', async () => {
    const file = join(folder, 'stop');
    const servers = station();
    await servers.connect(scriptRecord(fixture('misbehaving.ts'), ['stubborn', file]), 'a');
    const pids = await pidsOf(file);
    expect(await Promise.all(pids.map(runs))).toEqual([true, true, true]);
    await servers.stop('under-test', 300);
    await allGone(pids, 1_000);
  });

  it('takes along what a server that ended by itself left behind', async () => {
    const file = join(folder, 'orphan');
    const servers = station();
    const session = await servers.connect(scriptRecord(fixture('misbehaving.ts'), ['leaves-orphan', file]), 'a');
    const [orphan = 0] = await pidsOf(file);
    expect(await runs(orphan)).toBe(true);
    await expect(session.request('tools/list', undefined)).rejects.toMatchObject({ code: 'server_gone' });
    await allGone([orphan], 1_000);
    expect(servers.health('under-test').state).toBe('crashed');
  });

  it.each(['SIGKILL', 'SIGTERM', 'SIGINT'] as const)(
    'leaves nothing behind when the app ends by %s',
    async (signal) => {
      const file = join(folder, signal);
      const command = [process.execPath, fixture('misbehaving.ts'), 'stubborn', file];
      const app = spawn(process.execPath, [fixture('app-with-child.ts'), ...command], {
        stdio: ['pipe', 'pipe', 'inherit'],
        detached: true,
      });
      await new Promise((resolve) => app.stdout.once('data', resolve));
      const pids = await pidsOf(file);
      expect(await Promise.all(pids.map(runs))).toEqual([true, true, true]);
      const { pid = 0 } = app;
      // As a terminal does: to the app's whole process group, where no child of ours may be.
      process.kill(-pid, signal);
      await new Promise((resolve) => app.once('exit', resolve));
      await allGone([pid, ...pids]);
    },
  );
});
