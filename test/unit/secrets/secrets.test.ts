import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createKeyfileSealer } from '../../../electron/core/secrets/keyfile-sealer.ts';
import type { Sealer, Secrets } from '../../../electron/core/secrets/secrets.ts';
import { createSecrets } from '../../../electron/core/secrets/secrets-file.ts';

let folder: string;
let path: string;
let keyPath: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sallyport-secrets-'));
  path = join(folder, 'secrets', 'secrets.json');
  keyPath = join(folder, 'secrets', 'key');
});
afterEach(() => rm(folder, { recursive: true }));

const open = (sealer: Sealer = createKeyfileSealer({ path: keyPath })): Promise<Secrets> =>
  createSecrets({ path, sealer });

describe('secrets', () => {
  test('come back after a restart, sealed on disk, readable by their owner only', async () => {
    const first = await open();
    expect(await first.get('token')).toBeUndefined();
    await first.set('token', 'hunter2 ✓');
    await first.set('server-env:mail:KEY', 'k');
    const text = await readFile(path, 'utf8');
    expect(text).not.toContain('hunter2');
    expect(JSON.parse(text).values.token.sealer).toBe('keyfile');
    for (const file of [path, keyPath]) expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect((await stat(join(folder, 'secrets'))).mode & 0o777).toBe(0o700);
    const second = await open();
    expect(await second.get('token')).toBe('hunter2 ✓');
    expect(second.names()).toEqual(['server-env:mail:KEY', 'token']);
    expect(second.names('server-env:mail:')).toEqual(['server-env:mail:KEY']);
    await second.delete('token');
    await second.delete('token');
    expect((await open()).names()).toEqual(['server-env:mail:KEY']);
  });

  test('take many changes at once without losing one', async () => {
    const secrets = await open();
    await Promise.all(Array.from({ length: 25 }, (_, index) => secrets.set(`n${index}`, `v${index}`)));
    await Promise.all(Array.from({ length: 5 }, (_, index) => secrets.delete(`n${index}`)));
    const again = await open();
    expect(again.names()).toHaveLength(20);
    expect(await again.get('n24')).toBe('v24');
    expect((await readdir(join(folder, 'secrets'))).sort()).toEqual(['key', 'secrets.json']);
  });

  test('sealed by another sealer are locked, and nothing is made in their place', async () => {
    await (await open()).set('token', 'v');
    const other = await open({
      name: 'safe-storage:kwallet',
      seal: async (plain) => plain,
      open: async (sealed) => sealed,
    });
    await expect(other.get('token')).rejects.toMatchObject({ code: 'secrets_locked', hop: 'app' });
    await expect(other.get('token')).rejects.toThrow('keyfile');
    // Another secret may be added beside it, and the first stays as it is.
    await other.set('second', 'w');
    expect(await (await open()).get('token')).toBe('v');
    expect(await other.get('second')).toBe('w');
  });

  test.each(['', '{', '[]', '{"schemaVersion":1}', '{"schemaVersion":1,"values":{"a":{"sealer":"x"}}}'])(
    'a damaged file %j is an error and stays as it is',
    async (text) => {
      await (await open()).set('token', 'v');
      await writeFile(path, text);
      await expect(open()).rejects.toMatchObject({ code: 'secrets_corrupt', hop: 'app' });
      expect(await readFile(path, 'utf8')).toBe(text);
    },
  );

  test('of a newer version are not touched', async () => {
    await (await open()).set('token', 'v');
    const text = '{"schemaVersion":2,"anything":true}';
    await writeFile(path, text);
    await expect(open()).rejects.toMatchObject({ code: 'secrets_newer' });
    expect(await readFile(path, 'utf8')).toBe(text);
  });

  test('that cannot be written keep their old value', async () => {
    const secrets = await open();
    await secrets.set('token', 'old');
    await rm(join(folder, 'secrets'), { recursive: true });
    await writeFile(join(folder, 'secrets'), 'a file where the folder was');
    await expect(secrets.set('token', 'new')).rejects.toMatchObject({ code: 'secrets_unwritable' });
    expect(await secrets.get('token')).toBe('old');
    expect(secrets.names()).toEqual(['token']);
  });
});

describe('keyfile sealer', () => {
  test('binds a value to its name', async () => {
    const secrets = await open();
    await secrets.set('a', 'one');
    await secrets.set('b', 'two');
    const json = JSON.parse(await readFile(path, 'utf8'));
    [json.values.a, json.values.b] = [json.values.b, json.values.a];
    await writeFile(path, JSON.stringify(json));
    await expect((await open()).get('a')).rejects.toMatchObject({ code: 'secrets_corrupt' });
  });

  test('notices a changed byte, wherever it is', async () => {
    const sealer = createKeyfileSealer({ path: keyPath });
    const sealed = await sealer.seal(Buffer.from('value'), 'name');
    for (let index = 0; index < sealed.length; index += 1) {
      const changed = Buffer.from(sealed);
      changed[index] = (changed[index] ?? 0) ^ 1;
      await expect(sealer.open(changed, 'name')).rejects.toMatchObject({
        code: expect.stringMatching(/^secrets_(corrupt|locked)$/),
      });
    }
    await expect(sealer.open(Buffer.alloc(3), 'name')).rejects.toMatchObject({ code: 'secrets_corrupt' });
    expect(Buffer.from(await sealer.open(sealed, 'name')).toString()).toBe('value');
  });

  test('seals the same value differently each time', async () => {
    const sealer = createKeyfileSealer({ path: keyPath });
    const [one, two] = await Promise.all([sealer.seal(Buffer.from('v'), 'n'), sealer.seal(Buffer.from('v'), 'n')]);
    expect(Buffer.from(one).equals(Buffer.from(two))).toBe(false);
    expect(Buffer.from(await createKeyfileSealer({ path: keyPath }).open(one, 'n')).toString()).toBe('v');
  });

  test('makes no new key while values of the old one are there', async () => {
    await (await open()).set('token', 'v');
    await rm(keyPath);
    const secrets = await open();
    await expect(secrets.get('token')).rejects.toMatchObject({ code: 'secrets_locked' });
    await expect(secrets.set('another', 'w')).rejects.toMatchObject({ code: 'secrets_locked' });
    await expect(stat(keyPath)).rejects.toThrow('ENOENT');
  });

  test('says that another key file is in place', async () => {
    await (await open()).set('token', 'v');
    await writeFile(keyPath, Buffer.alloc(32, 7), { mode: 0o600 });
    const secrets = await open();
    await expect(secrets.get('token')).rejects.toMatchObject({ code: 'secrets_locked' });
    await expect(secrets.set('another', 'w')).rejects.toMatchObject({ code: 'secrets_locked' });
  });

  test.skipIf(process.platform === 'win32')(
    'refuses a key file that others can read, until it is put right',
    async () => {
      await (await open()).set('token', 'v');
      await chmod(keyPath, 0o640);
      const secrets = await open();
      await expect(secrets.get('token')).rejects.toMatchObject({ code: 'key_file_exposed' });
      await chmod(keyPath, 0o600);
      expect(await secrets.get('token')).toBe('v');
    },
  );

  test('refuses a key file of the wrong length', async () => {
    await (await open()).set('token', 'v');
    await writeFile(keyPath, 'short');
    await expect((await open()).get('token')).rejects.toMatchObject({ code: 'secrets_corrupt' });
  });
});
