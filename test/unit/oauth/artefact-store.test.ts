import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createAgentNames } from '../../../electron/core/oauth/agent-names.ts';
import { type ArtefactStore, createArtefactStore } from '../../../electron/core/oauth/artefact-store.ts';
import { openOauthDatabase } from '../../../electron/core/oauth/oauth-database.ts';
import { createManualClock } from '../../manual-clock.ts';

let folder: string;
let path: string;
let clock: ReturnType<typeof createManualClock>;
let database: DatabaseSync;
let store: ArtefactStore;

const open = (): void => {
  database = openOauthDatabase(path, clock).database;
  store = createArtefactStore(database, clock);
};
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sallyport-artefacts-'));
  path = join(folder, 'oauth.db');
  clock = createManualClock();
  open();
});
afterEach(() => {
  database.close();
  rmSync(folder, { recursive: true, force: true });
});

/** What the library does for one refresh; `name` stands for the answer that it would send. */
function rotate(token: string, name: string): void {
  store.consume('RefreshToken', token);
  store.upsert('RefreshToken', `${name}-refresh`, { grantId: 'g', jti: `${name}-refresh` }, 1_000_000);
  store.upsert('AccessToken', `${name}-access`, { grantId: 'g', aud: 'r', jti: `${name}-access` }, 3_600);
}
const usable = (token: string): boolean => {
  const found = store.find('RefreshToken', token);
  return found !== undefined && found.consumed === undefined;
};

test('values are nowhere on the disk', () => {
  store.upsert('AccessToken', 'the-value-itself', { grantId: 'g', aud: 'r', jti: 'the-value-itself' }, 60);
  expect(store.find('AccessToken', 'the-value-itself')).toMatchObject({ jti: 'the-value-itself', aud: 'r' });
  database.close();
  for (const name of readdirSync(folder)) {
    expect(readFileSync(join(folder, name), 'latin1')).not.toContain('the-value-itself');
  }
  open();
  expect(store.accessToken('the-value-itself')).toMatchObject({ grantId: 'g', audience: 'r' });
});

test('a rotated token may come once more within a minute', () => {
  store.upsert('RefreshToken', 'first', { grantId: 'g', jti: 'first' }, 1_000_000);
  rotate('first', 'a');
  clock.advance(59_000);
  expect(usable('first')).toBe(true);
  rotate('first', 'b');
  expect(usable('first')).toBe(false);
  expect([usable('a-refresh'), usable('b-refresh')]).toEqual([true, true]);
});

test('over a restart too, but not after a minute, and not if its successor was used', () => {
  store.upsert('RefreshToken', 'first', { grantId: 'g', jti: 'first' }, 1_000_000);
  rotate('first', 'a');
  expect(usable('first')).toBe(true);
  database.close();
  open();
  expect(usable('first')).toBe(true);
  store.accessTokenUsed('a-access');
  expect(usable('first')).toBe(false);
  store.upsert('RefreshToken', 'second', { grantId: 'h', jti: 'second' }, 1_000_000);
  store.consume('RefreshToken', 'second');
  clock.advance(60_001);
  expect(usable('second')).toBe(false);
});

test('a clock that was set back opens no second use', () => {
  store.upsert('RefreshToken', 'first', { grantId: 'g', jti: 'first' }, 1_000_000);
  store.consume('RefreshToken', 'first');
  clock.jump(-3_600_000);
  expect(usable('first')).toBe(false);
});

test('what is over is not found, and ending a grant takes all of it', () => {
  store.upsert('AccessToken', 'short', { grantId: 'g', aud: 'r' }, 60);
  store.upsert('Grant', 'g', { jti: 'g' }, 1_000);
  clock.advance(60_000);
  expect(store.find('AccessToken', 'short')).toBeUndefined();
  expect(store.find('Grant', 'g')).toBeDefined();
  store.revokeByGrantId('g');
  expect(store.find('Grant', 'g')).toBeUndefined();
});

test('a file of the version before gets the new tables and keeps its tokens', () => {
  database.close();
  rmSync(folder, { recursive: true });
  folder = mkdtempSync(join(tmpdir(), 'sallyport-artefacts-'));
  path = join(folder, 'oauth.db');
  const old = new DatabaseSync(path);
  old.exec(`CREATE TABLE token(id TEXT PRIMARY KEY, hash BLOB NOT NULL UNIQUE, server TEXT NOT NULL, resource TEXT NOT NULL,
    name TEXT NOT NULL, tools TEXT, created_at INTEGER NOT NULL, expires_at INTEGER NOT NULL, revoked_at INTEGER,
    last_used_at INTEGER); INSERT INTO token VALUES ('t', x'00', 's', 'r', 'n', NULL, 1, 2, NULL, NULL); PRAGMA user_version = 1`);
  old.close();
  open();
  expect(database.prepare('SELECT count(*) AS n FROM token').get()).toEqual({ n: 1 });
  expect(database.prepare('PRAGMA user_version').get()).toEqual({ user_version: 3 });
  store.upsert('Grant', 'g', { jti: 'g' }, 60);
  expect(store.find('Grant', 'g')).toBeDefined();
});

test('names that a person gave are kept as long as their agent holds something', () => {
  const names = createAgentNames(database);
  database.exec(`INSERT INTO token(id, hash, server, resource, name, created_at, expires_at)
    VALUES ('t', x'00', 's', 'r', 'n', 1, 2)`);
  names.set('token:t', 'Laptop');
  names.set('client:gone', 'Gone');
  names.sweep();
  expect([names.of('token:t'), names.of('client:gone')]).toEqual(['Laptop', undefined]);
  expect(createAgentNames(database).of('token:t')).toBe('Laptop');
});
