import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { contentSecurityPolicy, createAppFiles } from '../../electron/shell/app-files.ts';
import { mayOpenOutside } from '../../electron/shell/external-links.ts';

let folder: string;
let answer: (request: Request) => Promise<Response>;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sallyport-files-'));
  mkdirSync(join(folder, 'renderer/assets'), { recursive: true });
  mkdirSync(join(folder, 'renderer-other'));
  writeFileSync(join(folder, 'renderer/index.html'), '<p>ours</p>');
  writeFileSync(join(folder, 'renderer/assets/a.js'), 'ours()');
  writeFileSync(join(folder, 'renderer/notes.txt'), 'not a kind of file that the page needs');
  writeFileSync(join(folder, 'secret.html'), 'secret');
  writeFileSync(join(folder, 'renderer-other/secret.html'), 'secret');
  answer = createAppFiles(join(folder, 'renderer'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test.each([
  ['app://ui/', 'text/html; charset=utf-8', '<p>ours</p>'],
  ['app://ui/index.html?x=1', 'text/html; charset=utf-8', '<p>ours</p>'],
  ['app://ui/assets/a.js', 'text/javascript; charset=utf-8', 'ours()'],
])('%s is served with the policy', async (url, type, text) => {
  const response = await answer(new Request(url));
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toBe(type);
  expect(response.headers.get('content-security-policy')).toBe(contentSecurityPolicy);
  expect(response.headers.get('x-content-type-options')).toBe('nosniff');
  expect(await response.text()).toBe(text);
});

test.each([
  'app://ui/../secret.html',
  'app://ui/..%2fsecret.html',
  'app://ui/%2e%2e/secret.html',
  'app://ui/assets/..%2f..%2fsecret.html',
  'app://ui/..%5csecret.html',
  'app://ui/..%2frenderer-other%2fsecret.html',
  'app://ui/%00index.html',
  'app://ui/c:%2fsecret.html',
  'app://ui/%zz',
  'app://ui/notes.txt',
  'app://ui/assets',
  'app://ui/none.html',
  'app://other/index.html',
  'https://ui/index.html',
])('%s is not found', async (url) => {
  const response = await answer(new Request(url));
  expect(response.status).toBe(404);
  expect(response.headers.get('content-security-policy')).toBe(contentSecurityPolicy);
  expect(await response.text()).not.toContain('secret');
});

test('only GET', async () => {
  expect((await answer(new Request('app://ui/index.html', { method: 'POST' }))).status).toBe(404);
});

describe('links to outside', () => {
  test('documentation over https', () => expect(mayOpenOutside('https://modelcontextprotocol.io/x?y#z')).toBe(true));

  test.each([
    'http://modelcontextprotocol.io/',
    'https://modelcontextprotocol.io:8443/',
    'https://user@modelcontextprotocol.io/',
    'https://modelcontextprotocol.io.evil.example/',
    'https://evil.example/?modelcontextprotocol.io',
    'file:///etc/passwd',
    'javascript:alert(1)',
    'smb://modelcontextprotocol.io/share',
    'not a link',
    '',
  ])('not %s', (url) => expect(mayOpenOutside(url)).toBe(false));
});
