import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createRequestLog } from '../../../electron/core/request-log/create-request-log.ts';
import { systemClock } from '../../../electron/core/state/system-clock.ts';
import { fromPlain } from '../../../electron/shared/json-tree.ts';
import { callOf, deny, logDeps } from '../../unit/request-log/calls.ts';
import { cli, cliHere } from './cli.ts';

let dataDir: string;

beforeAll(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'sp-files-'));
  const log = createRequestLog({ path: join(dataDir, 'log.db'), clock: systemClock, ...logDeps() });
  for (let at = 0; at < 3; at += 1) {
    const judged = log.decided(callOf(`c${at}`, { args: { path: 'a\u202eb' } }), deny);
    log.completed(judged, { outcome: 'denied', result: fromPlain({ isError: true }), bytesOut: 1 });
  }
  log.close();
});
afterAll(() => rmSync(dataDir, { recursive: true, force: true }));

test('without an instance the log is read from its file', async () => {
  const listed = await cli(['log', 'list', '--limit', '2', '--data-dir', dataDir, '--json']);
  expect(listed.status).toBe(0);
  expect(listed.json()).toMatchObject({
    rows: [{ message: 'Sallyport stopped.' }, { id: 'c2', outcome: 'denied' }],
    next: 6,
  });
  const shown = await cliHere(['log', 'show', 'c0', '--data-dir', dataDir, '--json']);
  expect(shown.json()).toMatchObject({ rows: [{ id: 'c0', resultText: '{"isError":true}' }] });
  const exported = await cliHere(['log', 'export', '--data-dir', dataDir]);
  expect(
    exported.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).id),
  ).toEqual(['ev-1', 'c0', 'c1', 'c2', 'ev-8']);
  expect(exported.stdout).not.toContain('\u202e');
  expect((await cliHere(['log', 'show', 'none', '--data-dir', dataDir, '--json'])).error().code).toBe(
    'log_row_not_found',
  );
  const human = await cliHere(['--data-dir', dataDir, 'log', 'show', 'c0']);
  expect(human.stdout).toContain('a⟨U+202E⟩b');
});

test('verify: 0 if whole, 5 with the entry if not', async () => {
  const good = await cliHere(['log', 'verify', '--data-dir', dataDir, '--json']);
  expect([good.status, good.json()]).toEqual([
    0,
    {
      ok: true,
      rows: 8,
      first: expect.any(String),
      last: expect.any(String),
      checkpoints: 2,
      signedBy: 'unproven',
    },
  ]);
  const database = new DatabaseSync(join(dataDir, 'log.db'));
  database.exec("UPDATE ev SET tool = 'other' WHERE seq = 4");
  database.close();
  const bad = await cli(['log', 'verify', '--data-dir', dataDir, '--json']);
  expect([bad.status, bad.json()]).toMatchObject([5, { ok: false, rows: 3, badSeq: 4 }]);
});

test('what needs an instance says so, with status 4', async () => {
  for (const args of [
    ['status'],
    ['servers', 'list'],
    ['approvals', 'watch'],
    ['log', 'list', '--follow'],
    ['tunnel', 'probe'],
    ['policy', 'show'],
  ]) {
    const failed = await cliHere([...args, '--data-dir', dataDir, '--json']);
    expect([failed.status, failed.error().code, failed.stdout], args.join(' ')).toEqual([4, 'no_instance', '']);
    expect(failed.error().hint).toContain('sallyport run');
  }
});

test('what is typed wrongly is status 2, in one line', async () => {
  for (const args of [
    [],
    ['nonsense'],
    ['servers'],
    ['servers', 'add'],
    ['servers', 'add', 'x'],
    ['status', '--nonsense'],
    ['status', 'more'],
    ['tools', 'set', 'a', 'b', 'maybe'],
    ['agents', 'token'],
    ['log', 'list', '--limit', 'many'],
    ['run', '--ui-port', '70000'],
  ]) {
    const failed = await cliHere([...args, '--json', '--data-dir', dataDir]);
    expect([failed.status, failed.error().code, failed.stdout], args.join(' ')).toEqual([2, 'usage', '']);
    expect(failed.stderr.match(/\n/g)).toHaveLength(1);
  }
});

test('a first -- means nothing', async () => {
  expect(await cliHere(['--', '--version'])).toMatchObject({ status: 0, stdout: '0.0.0\n' });
});

test('help and version', async () => {
  const { version } = JSON.parse(readFileSync(join(import.meta.dirname, '../../../package.json'), 'utf8')) as {
    version: string;
  };
  expect(await cli(['--version'])).toMatchObject({ status: 0, stdout: `${version}\n`, stderr: '' });
  expect(await cliHere(['status', '--version'])).toMatchObject({ status: 0, stdout: '0.0.0\n' });
  const help = await cliHere(['servers', 'add', '--help']);
  expect(help).toMatchObject({ status: 0, stderr: '' });
  expect(help.stdout).toMatch(/--env-file[\s\S]*--data-dir/);
});

test('the CA comes from the files', async () => {
  const missing = await cliHere(['tunnel', 'ca', '--data-dir', dataDir, '--json']);
  expect([missing.status, missing.error().code]).toEqual([1, 'ca_missing']);
  mkdirSync(join(dataDir, 'pki'));
  writeFileSync(join(dataDir, 'settings.json'), JSON.stringify({ tunnel: { domain: 'box.test' } }));
  const pem = readFileSync(join(import.meta.dirname, 'ca-certificate.pem'), 'utf8');
  writeFileSync(join(dataDir, 'pki', 'box.test.ca.pem'), pem);
  const found = await cliHere(['tunnel', 'ca', '--data-dir', dataDir, '--json']);
  expect(found.json()).toEqual({
    pem,
    fingerprint: expect.stringMatching(/^[0-9a-f]{64}$/),
    notAfter: expect.any(String),
  });
  expect((await cliHere(['tunnel', 'ca', '--data-dir', dataDir])).stdout).toBe(pem);
});
