import { mkdir, mkdtemp, open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { newBackupCode } from '../../../electron/core/backup/backup-code.ts';
import { packed } from '../../../electron/core/backup/backup-content.ts';
import { makeBackup } from '../../../electron/core/backup/make-backup.ts';
import { removeInstallation } from '../../../electron/core/backup/remove-installation.ts';
import { restoreBackup } from '../../../electron/core/backup/restore-backup.ts';
import { createSealedWriter } from '../../../electron/core/backup/sealed-file.ts';
import { createKeyfileSealer } from '../../../electron/core/secrets/keyfile-sealer.ts';
import { createSecrets } from '../../../electron/core/secrets/secrets-file.ts';
import { defaultSettings } from '../../../electron/core/settings/settings-document.ts';
import { openDataFolder } from '../../../electron/core/state/data-folder.ts';
import { createManualClock } from '../../manual-clock.ts';

const clock = createManualClock();
let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'sallyport-backup-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

const secretsIn = (dataDir: string) => {
  const sealer = createKeyfileSealer({ path: join(dataDir, 'secrets/keyfile') });
  return createSecrets({ path: join(dataDir, 'secrets/secrets.json'), sealer });
};

/** A data folder with something of everything, and its log open in another connection. */
async function installation(name: string, mark: string) {
  const dataDir = join(root, name);
  const folder = await openDataFolder(dataDir);
  await writeFile(join(dataDir, 'settings.json'), JSON.stringify({ ...defaultSettings(), mark }), { mode: 0o600 });
  await writeFile(join(dataDir, 'rules.yaml'), `# ${mark}\n`);
  await mkdir(join(dataDir, 'pki'));
  await writeFile(join(dataDir, 'pki/localhost.ca.pem'), mark);
  const secrets = await secretsIn(dataDir);
  await secrets.set('env:files:TOKEN', `planted-${mark}`);
  const log = new DatabaseSync(join(dataDir, 'log.db'));
  log.exec(`PRAGMA journal_mode = WAL; CREATE TABLE t(x); INSERT INTO t VALUES ('${mark}')`);
  return { dataDir, secrets, folder, log };
}

async function backupOf(mark: string) {
  const { dataDir, secrets, folder, log } = await installation(`of-${mark}`, mark);
  const made = await makeBackup({ dataDir, secrets, path: join(root, `${mark}.backup`), version: '0.1.0', clock });
  log.close();
  await folder.close();
  return made;
}

async function markOf(dataDir: string): Promise<unknown[]> {
  const settings: { mark?: string } = JSON.parse(await readFile(join(dataDir, 'settings.json'), 'utf8'));
  const log = new DatabaseSync(join(dataDir, 'log.db'), { readOnly: true });
  const row = log.prepare('SELECT x FROM t').get();
  log.close();
  return [
    settings.mark,
    await readFile(join(dataDir, 'pki/localhost.ca.pem'), 'utf8'),
    row?.x,
    await (await secretsIn(dataDir)).get('env:files:TOKEN'),
  ];
}
const allOf = (mark: string) => [mark, mark, mark, `planted-${mark}`];

describe('a backup', () => {
  test('makes another machine the same, paused, with secrets sealed anew', async () => {
    const { path, code } = await backupOf('a');
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    const sealed = await readFile(path);
    for (const plain of ['planted', 'settings', '"mark"']) expect(sealed.includes(plain)).toBe(false);
    const dataDir = join(root, 'elsewhere');
    const restored = await restoreBackup({ dataDir, path, code: code.toLowerCase(), clock, replace: false });
    expect(restored).toMatchObject({ version: '0.1.0', dataDir });
    expect(restored.replaced).toBeUndefined();
    expect(await markOf(dataDir)).toEqual(allOf('a'));
    expect(JSON.parse(await readFile(join(dataDir, 'settings.json'), 'utf8')).paused.why).toContain('Restored from');
    expect(await readFile(join(dataDir, 'secrets/keyfile'))).not.toEqual(
      await readFile(join(root, 'of-a/secrets/keyfile')),
    );
  });

  test('is never written over something', async () => {
    const { path } = await backupOf('a');
    const { dataDir, secrets, folder, log } = await installation('b', 'b');
    await expect(makeBackup({ dataDir, secrets, path, version: '1', clock })).rejects.toMatchObject({
      code: 'backup_path_taken',
    });
    log.close();
    await folder.close();
    expect((await readdir(root)).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });
});

describe('restore refuses, and changes nothing', () => {
  async function refused(change: (bytes: Buffer) => Buffer, options: { code?: string; replace?: boolean } = {}) {
    const { path, code } = await backupOf('new');
    const { dataDir, folder, log } = await installation('here', 'old');
    log.close();
    await folder.close();
    const other = join(root, 'other.backup');
    await writeFile(other, change(await readFile(path)));
    const error = await restoreBackup({
      dataDir,
      path: other,
      code: options.code ?? code,
      clock,
      replace: options.replace ?? true,
    }).catch((thrown: unknown) => thrown);
    expect(await markOf(dataDir)).toEqual(allOf('old'));
    return (error as { code: string }).code;
  }
  const flipped = (at: number) => (bytes: Buffer) => {
    const copy = Buffer.from(bytes);
    const place = at < 0 ? copy.length + at : at;
    copy[place] = (copy[place] ?? 0) ^ 1;
    return copy;
  };

  test('an installation that is there, unless told to put it aside', async () => {
    expect(await refused((bytes) => bytes, { replace: false })).toBe('restore_over');
  });
  test('what is no code', async () => {
    expect(await refused((bytes) => bytes, { code: 'guess' })).toBe('backup_code_wrong');
  });
  test('another backup’s code', async () => {
    expect(await refused((bytes) => bytes, { code: 'AAAAA-AAAAA-AAAAA-AAAAA-AAAAA-AAAAA' })).toBe('backup_code_wrong');
  });
  test.each([
    ['cut off', (bytes: Buffer) => bytes.subarray(0, -40), 'backup_unreadable'],
    ['cut between records', (bytes: Buffer) => bytes.subarray(0, bytes.length - 21), 'backup_unreadable'],
    ['with something after its end', (bytes: Buffer) => Buffer.concat([bytes, Buffer.from('x')]), 'backup_unreadable'],
    ['with a bit turned near its end', flipped(-60), 'backup_unreadable'],
    [
      'that is something else',
      () => Buffer.from('PK\u0003\u0004 not ours, and long enough to be read as a head'),
      'backup_unreadable',
    ],
    [
      'of a newer version',
      (bytes: Buffer) => Buffer.concat([Buffer.from('SALLYPORT BACKUP 9\n'), bytes.subarray(19)]),
      'backup_newer',
    ],
  ])('a file %s', async (_what, change, code) => {
    expect(await refused(change)).toBe(code);
  });
  test('one with a file that belongs to no installation', async () => {
    const path = join(root, 'crafted.backup');
    const code = newBackupCode();
    const file = await open(path, 'wx');
    const write = await createSealedWriter(file, code);
    await write(packed('A', { format: 1, version: '1', createdAt: '2026-11-22T12:00:00.000Z' }));
    await write(packed('F', { path: 'instance.lock', bytes: 1 }));
    await write(packed('D', Buffer.from('x')));
    await write(packed('E'), true);
    await file.close();
    await expect(restoreBackup({ dataDir: join(root, 'new'), path, code, clock, replace: true })).rejects.toMatchObject(
      { code: 'backup_unreadable' },
    );
  });
  test('while Sallyport runs there', async () => {
    const { path, code } = await backupOf('new');
    const running = await installation('running', 'old');
    await expect(restoreBackup({ dataDir: running.dataDir, path, code, clock, replace: true })).rejects.toMatchObject({
      code: 'already_running',
    });
    running.log.close();
    await running.folder.close();
  });
});

test('what was there lies aside, side files of its databases included', async () => {
  const { path, code } = await backupOf('new');
  const { dataDir, folder, log } = await installation('here', 'old');
  await folder.close();
  const { replaced } = await restoreBackup({ dataDir, path, code, clock, replace: true });
  log.close();
  expect(await markOf(dataDir)).toEqual(allOf('new'));
  expect(await readdir(replaced ?? '')).toEqual(expect.arrayContaining(['settings.json', 'secrets', 'log.db', 'pki']));
});

describe('killed in the middle', () => {
  /** A restore that was committed, with its first `moved` files in place: as a kill leaves it. */
  async function killedAfter(moved: number) {
    const { path, code } = await backupOf('new');
    const { dataDir, folder, log } = await installation('here', 'old');
    log.close();
    await folder.close();
    const twin = join(root, 'twin');
    await restoreBackup({ dataDir: twin, path, code, clock, replace: false });
    const names = ['settings.json', 'rules.yaml', 'pki', 'log.db', 'secrets'];
    await mkdir(join(dataDir, '.restore/new'), { recursive: true });
    for (const name of names) await rename(join(twin, name), join(dataDir, '.restore/new', name));
    return { dataDir, names, moved: names.slice(0, moved) };
  }

  test('before the one write that decides, the old stays', async () => {
    const { dataDir } = await killedAfter(0);
    await (await openDataFolder(dataDir)).close();
    expect(await markOf(dataDir)).toEqual(allOf('old'));
    expect(await readdir(dataDir)).not.toContain('.restore');
  });

  test.each([0, 1, 3, 5])('after it, with %d files moved, the next start has the new', async (count) => {
    const { dataDir, names, moved } = await killedAfter(count);
    const aside = 'replaced-2026';
    await writeFile(join(dataDir, '.restore/ready.json'), JSON.stringify({ aside, names }));
    await mkdir(join(dataDir, aside));
    for (const name of moved) {
      await rename(join(dataDir, name), join(dataDir, aside, name));
      await rename(join(dataDir, '.restore/new', name), join(dataDir, name));
    }
    await (await openDataFolder(dataDir)).close();
    expect(await markOf(dataDir)).toEqual(allOf('new'));
    expect(await readdir(dataDir)).not.toContain('.restore');
  });
});

describe('remove', () => {
  test('takes the folder away, and nothing but ours', async () => {
    const { dataDir, folder, log } = await installation('here', 'old');
    log.close();
    await expect(removeInstallation(dataDir)).rejects.toMatchObject({ code: 'already_running' });
    await folder.close();
    await writeFile(join(dataDir, 'diary.txt'), 'mine');
    await expect(removeInstallation(dataDir)).rejects.toMatchObject({ code: 'strangers_in_folder' });
    expect(await markOf(dataDir)).toEqual(allOf('old'));
    await rm(join(dataDir, 'diary.txt'));
    await mkdir(`${dataDir}-notebook`);
    expect(await removeInstallation(dataDir)).toEqual([dataDir, `${dataDir}-notebook`]);
    expect(await readdir(root)).toEqual([]);
  });
});
