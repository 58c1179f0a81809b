import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openDataFolder } from '../../../electron/core/state/data-folder.ts';
import { withoutRoot } from '../../without-root.ts';

const fixture = fileURLToPath(new URL('../../fixtures/state/hold-folder.ts', import.meta.url));
const posix = process.platform !== 'win32';

let base: string;
let data: string;
const children: ChildProcess[] = [];
beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'sallyport-data-'));
  data = join(base, 'nested', 'data');
});
afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
  }
  await rm(base, { recursive: true });
});

/** Another process that opens the folder; resolves with the first line that it prints. */
async function hold(folder: string): Promise<{ child: ChildProcess; line: string }> {
  const child = spawn(process.execPath, [fixture, folder], { stdio: ['pipe', 'pipe', 'inherit'] });
  children.push(child);
  const [line] = await once(createInterface({ input: child.stdout }), 'line');
  return { child, line };
}

describe('the data folder', () => {
  test('is made for its owner alone, and given back', async () => {
    const folder = await openDataFolder(data);
    expect(folder.path).toBe(data);
    if (posix) expect((await stat(data)).mode & 0o777).toBe(0o700);
    for (const name of await readdir(data)) {
      if (posix) expect([name, (await stat(join(data, name))).mode & 0o777]).toEqual([name, 0o600]);
    }
    expect(JSON.parse(await readFile(join(data, 'instance.json'), 'utf8'))).toEqual({ pid: process.pid });
    await folder.close();
    await folder.close();
    expect(await readdir(data)).toEqual(['instance.lock']);
    await (await openDataFolder(data)).close();
  });

  test('is held against a second opening in the same process', async () => {
    const folder = await openDataFolder(data);
    await expect(openDataFolder(data)).rejects.toMatchObject({ code: 'already_running', hop: 'app' });
    // The attempt itself has not let go of the lock.
    expect((await hold(data)).line).toContain('already_running');
    await folder.close();
  });

  test('is held against another process, which is told who holds it', async () => {
    const { child, line } = await hold(data);
    expect(line).toBe('held');
    const refused = await openDataFolder(data).catch((error) => error);
    expect(refused.code).toBe('already_running');
    expect(refused.message).toContain(`process ${child.pid}`);
    expect((await hold(data)).line).toContain(`already_running Sallyport is already running on ${data}`);
    child.stdin?.write('end\n');
    await once(child, 'exit');
    await (await openDataFolder(data)).close();
  });

  test('is free at once after kill -9 of the holder', async () => {
    for (let round = 0; round < 3; round += 1) {
      const { child, line } = await hold(data);
      expect(line).toBe('held');
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    await (await openDataFolder(data)).close();
  });

  test('has one holder, however many start at once', async () => {
    const outcomes = await Promise.all(Array.from({ length: 5 }, () => hold(data)));
    expect(outcomes.filter(({ line }) => line === 'held')).toHaveLength(1);
    expect(outcomes.filter(({ line }) => line.startsWith('already_running'))).toHaveLength(4);
  });

  test('that cannot be one is refused in words', async () => {
    await writeFile(join(base, 'file'), '');
    for (const path of [join(base, 'file'), join(base, 'file', 'below')]) {
      const error = await openDataFolder(path).catch((failure) => failure);
      expect(error.code).toBe('data_folder_unwritable');
      expect(error.message).toContain(path);
    }
  });

  test.skipIf(!posix)('that is read-only is refused in words', async () => {
    await mkdir(data, { recursive: true });
    await chmod(data, 0o500);
    const refused = withoutRoot([base, join(base, 'nested'), data], () => openDataFolder(data));
    await expect(refused).rejects.toMatchObject({ code: 'data_folder_unwritable' });
  });

  test.skipIf(!posix)('of ours is tightened; a folder of others is left alone and refused', async () => {
    const empty = join(base, 'empty');
    await mkdir(empty, { mode: 0o755 });
    await (await openDataFolder(empty)).close();
    expect((await stat(empty)).mode & 0o777).toBe(0o700);
    await chmod(empty, 0o755);
    await (await openDataFolder(empty)).close();
    expect((await stat(empty)).mode & 0o777).toBe(0o700);
    const home = join(base, 'home');
    await mkdir(home, { mode: 0o755 });
    await writeFile(join(home, 'letter.txt'), '');
    await expect(openDataFolder(home)).rejects.toMatchObject({ code: 'data_folder_exposed' });
    expect((await stat(home)).mode & 0o777).toBe(0o755);
    expect(await readdir(home)).toEqual(['letter.txt']);
  });
});
