import { generateKeyPairSync, sign } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { isNewer, readUpdateFeed } from '../../../electron/shell/updates/update-feed.ts';
import { createUpdates, type Updater } from '../../../electron/shell/updates/updates.ts';

const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
const digest = 'd'.repeat(88);
const manifest = (version: string, sha512 = digest): string =>
  `version: ${version}\nfiles:\n  - url: Sallyport-${version}.AppImage\n    sha512: ${sha512}\n    size: 1\n`;

let files: Record<string, string>;
let server: Server;
let folder: string;
beforeEach(async () => {
  files = {};
  folder = mkdtempSync(join(tmpdir(), 'sallyport-feed-'));
  server = createServer((request, response) => {
    const body = files[request.url ?? ''];
    response.writeHead(body === undefined ? 404 : 200).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterEach(() => {
  server.close();
  server.closeAllConnections();
  rmSync(folder, { recursive: true, force: true });
});

function offer(text: string): void {
  const signature = sign('sha256', Buffer.from(text), { key: privateKey, dsaEncoding: 'ieee-p1363' });
  files['/feed/latest-linux.yml'] = text;
  files['/feed/latest-linux.yml.sig'] = `${signature.toString('base64')}\n`;
}

/** Updates over the local feed, with a stand-in for what downloads. */
function stage(taken: { version: string; sha512: string } = { version: '0.2.0', sha512: digest }) {
  const path = join(folder, 'update-feed.json');
  writeFileSync(
    path,
    JSON.stringify({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/feed`, publicKey: pem }),
  );
  const did: string[] = [];
  const updater = {
    autoDownload: true,
    autoInstallOnAppQuit: true,
    allowDowngrade: true,
    setFeedURL: () => void did.push('feed'),
    on: () => undefined,
    checkForUpdates: async () => ({
      updateInfo: { version: taken.version, files: [{ url: 'x', sha512: taken.sha512 }] },
    }),
    downloadUpdate: async () => {
      did.push('download');
      return [];
    },
    quitAndInstall: () => void did.push('install'),
  } as unknown as Updater;
  const updates = createUpdates({
    feed: readUpdateFeed(path),
    version: '0.1.0',
    manifestName: 'latest-linux.yml',
    load: async () => {
      did.push('load');
      return updater;
    },
    now: () => Date.parse('2026-11-22T12:00:00.000Z'),
    every: () => () => undefined,
  });
  return { updates, did, updater };
}

test('without a feed it is off, and asks nobody', async () => {
  const updates = createUpdates({
    feed: readUpdateFeed(join(folder, 'none.json')),
    version: '0.1.0',
    manifestName: 'latest-linux.yml',
    load: () => Promise.reject(new Error('not to be loaded')),
    now: Date.now,
  });
  expect(await updates.check()).toEqual({ state: 'off' });
  expect(await updates.download()).toEqual({ state: 'off' });
});

test.each([
  ['plain http elsewhere', { url: 'http://updates.example/', publicKey: pem }],
  ['no key', { url: 'https://updates.example/', publicKey: 'x' }],
  ['more than it should say', { url: 'https://updates.example/', publicKey: pem, also: 1 }],
])('a feed with %s is none', (_what, content) => {
  const path = join(folder, 'feed.json');
  writeFileSync(path, JSON.stringify(content));
  expect(readUpdateFeed(path)).toBeUndefined();
});

test('a newer, signed version is offered, downloaded and installed, each when the person says so', async () => {
  offer(manifest('0.2.0'));
  const { updates, did, updater } = stage();
  const states: string[] = [];
  updates.onChange(() => states.push(updates.view().state));
  expect(await updates.check()).toMatchObject({ state: 'available', version: '0.2.0' });
  expect(did).toEqual([]);
  expect(await updates.download()).toEqual({ state: 'ready', version: '0.2.0' });
  expect(updater).toMatchObject({ autoDownload: false, autoInstallOnAppQuit: false, allowDowngrade: false });
  expect(did).toEqual(['load', 'feed', 'download']);
  await updates.install();
  expect(did.at(-1)).toBe('install');
  expect(states).toEqual(['checking', 'available', 'downloading', 'ready']);
});

test('the same or an older version is none', async () => {
  offer(manifest('0.1.0'));
  const { updates } = stage();
  expect(await updates.check()).toEqual({ state: 'idle', checkedAt: '2026-11-22T12:00:00.000Z' });
  offer(manifest('0.0.9'));
  expect((await updates.check()).state).toBe('idle');
  expect(isNewer('0.10.0', '0.9.9')).toBe(true);
  expect(isNewer('1.0.0', '1.0.0')).toBe(false);
});

test('a feed that was changed, or is not signed, offers nothing', async () => {
  offer(manifest('0.2.0'));
  files['/feed/latest-linux.yml'] = manifest('0.3.0');
  const { updates, did } = stage();
  expect(await updates.check()).toMatchObject({ state: 'failed', error: expect.stringContaining('signature') });
  delete files['/feed/latest-linux.yml.sig'];
  expect(await updates.check()).toMatchObject({ state: 'failed', error: expect.stringContaining('404') });
  await updates.download();
  expect(did).toEqual([]);
});

test.each([
  ['another file', { version: '0.2.0', sha512: 'e'.repeat(88) }],
  ['another version', { version: '0.3.0', sha512: digest }],
])('takes nothing but what was signed: %s', async (_what, taken) => {
  offer(manifest('0.2.0'));
  const { updates, did } = stage(taken);
  await updates.check();
  expect(await updates.download()).toMatchObject({ state: 'failed', version: '0.2.0' });
  await updates.install();
  expect(did).toEqual(['load', 'feed']);
});
