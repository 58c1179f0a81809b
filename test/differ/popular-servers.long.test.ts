import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { provideChromium } from '../chromium.mjs';
import { installed } from '../integration/servers/station.ts';
import { call, compare, type Script } from './differ.ts';

/**
 * The two servers with the most downloads on npm that are not of the protocol's own makers (2026-11), each with a real
 * Chromium: they were not picked for being easy to compare.
 */
const page = 'data:text/html,<title>Gr%C3%BC%C3%9Fe</title><h1>One</h1><button onclick="document.title=1">Go</button>';
let chromium = '';
beforeAll(() => {
  chromium = provideChromium(() => {});
});

function folder(): string {
  const made = realpathSync(mkdtempSync(join(tmpdir(), 'browser-')));
  onTestFinished(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

test('@playwright/mcp says the same direct and through, in both eras', { timeout: 180_000 }, async () => {
  const cwd = folder();
  const options = ['--headless', '--isolated', '--no-sandbox', '--executable-path', chromium];
  const args = [installed('@playwright/mcp/cli.js'), ...options];
  const script: Script = [
    ['tools/list', {}],
    call('browser_navigate', { url: page }),
    call('browser_snapshot', {}),
    call('browser_evaluate', { function: '() => [document.title, 2 ** 53, "\u2028"]' }),
    call('browser_take_screenshot', {}),
    call('browser_click', { element: 'nothing', target: 'e999' }),
    call('browser_navigate', {}),
    call('browser_close', {}),
    ['prompts/list', {}],
  ];
  const neutral = (text: string): string => text.replace(/[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9-]+Z/g, 'TIME');
  const target = { kind: 'stdio', command: process.execPath, args, env: [], cwd } as const;
  expect(await compare(target, script, { neutral })).toBe(script.length);
});

test('chrome-devtools-mcp says the same direct and through, in both eras', { timeout: 180_000 }, async () => {
  const cwd = folder();
  const options = ['--headless', '--isolated', '--executablePath', chromium, '--chromeArg=--no-sandbox'];
  const quiet = ['--no-usage-statistics', '--no-performance-crux'];
  const args = [installed('chrome-devtools-mcp/build/src/bin/chrome-devtools-mcp.js'), ...options, ...quiet];
  const script: Script = [
    ['tools/list', {}],
    call('list_pages', {}),
    call('navigate_page', { url: page }),
    call('take_snapshot', {}),
    call('evaluate_script', { function: '() => document.title' }),
    call('take_screenshot', {}),
    call('click', { uid: '9_999' }),
    ['resources/list', {}],
  ];
  const target = { kind: 'stdio', command: process.execPath, args, env: [], cwd } as const;
  expect(await compare(target, script)).toBe(script.length);
});
