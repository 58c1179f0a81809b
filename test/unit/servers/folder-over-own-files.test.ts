import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { folderOverOwnFiles } from '../../../electron/core/servers/folder-over-own-files.ts';
import type { ServerRecord, ServerTarget } from '../../../electron/core/servers/servers.ts';

let home: string;
let own: string;
beforeAll(() => {
  home = realpathSync(mkdtempSync(join(tmpdir(), 'sp-folders-')));
  own = join(home, '.local', 'share', 'sallyport');
  mkdirSync(own, { recursive: true });
  mkdirSync(join(home, 'notes'));
  symlinkSync(home, join(home, 'notes', 'all'));
});
afterAll(() => rmSync(home, { recursive: true, force: true }));

const record = (target: ServerTarget): ServerRecord => ({ slug: 'a', name: 'A', target, shared: false });
const stdio = (args: string[], cwd?: string): ServerRecord =>
  record({ kind: 'stdio', command: 'node', args, env: [], ...(cwd === undefined ? {} : { cwd }) });
const found = (one: ServerRecord) => folderOverOwnFiles(one, [own]);

it('names the folder that holds our own files', () => {
  expect(found(stdio(['server.js', home]))).toBe(home);
  expect(found(stdio([`--root=${home}`]))).toBe(home);
  expect(found(stdio(['/']))).toBe('/');
  expect(found(stdio([join(home, '.local')]))).toBe(join(home, '.local'));
  expect(found(stdio([own]))).toBe(own);
  expect(found(stdio([], home))).toBe(home);
  expect(found(stdio([join(home, 'notes', 'all')]))).toBe(join(home, 'notes', 'all'));
  expect(found(stdio([join(home, 'notes', '..')]))).toBe(join(home, 'notes', '..'));
});

it('has nothing to say of others', () => {
  expect(found(stdio([join(home, 'notes'), '-y', 'pkg']))).toBeUndefined();
  expect(found(stdio([join(home, '.loc')]))).toBeUndefined();
  expect(found(record({ kind: 'http', url: 'http://127.0.0.1:1' }))).toBeUndefined();
});
