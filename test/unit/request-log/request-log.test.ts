import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createRequestLog } from '../../../electron/core/request-log/create-request-log.ts';
import { exportLogFile, listLogFile, showLogFile, verifyLogFile } from '../../../electron/core/request-log/log-file.ts';
import type { RequestLog } from '../../../electron/core/request-log/request-log.ts';
import { requests } from '../../../electron/shared/contract.ts';
import type { SallyportError } from '../../../electron/shared/errors.ts';
import { fromPlain, parseJson } from '../../../electron/shared/json-tree.ts';
import type { LogRow } from '../../../electron/shared/views.ts';
import { createManualClock } from '../../manual-clock.ts';
import { allow, askFirst, callOf, deny, logDeps } from './calls.ts';

let folder: string;
let path: string;
const clock = createManualClock();
const open: RequestLog[] = [];

function start(): RequestLog {
  const log = createRequestLog({ path, clock, ...logDeps(), version: '0.1.0' });
  open.push(log);
  return log;
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sallyport-log-'));
  path = join(folder, 'log.db');
});
afterEach(() => {
  for (const log of open.splice(0)) log.close();
  rmSync(folder, { recursive: true, force: true });
});

test('a call that runs is one decided and one completed event, and one row', async () => {
  const log = start();
  const seen: LogRow[] = [];
  log.onRow((row) => seen.push(row));
  const judged = log.decided(callOf('c1'), allow);
  const decided = log.permit(judged);
  clock.advance(12);
  log.completed(decided, { outcome: 'ran', result: fromPlain({ content: [] }), ms: 12, bytesOut: 14 });

  const { rows } = requests['log.list'].output.parse(log.list({}));
  expect(rows[0]).toMatchObject({
    id: 'c1',
    kind: 'call',
    server: 'files',
    tool: 'read_file',
    arguments: { path: 'notes/c1.md' },
    decision: { effect: 'allow', class: 'read' },
    outcome: 'ran',
    ms: 12,
    bytesOut: 14,
  });
  expect(seen.map((row) => row.outcome)).toEqual([undefined, 'ran']);
  expect(seen[1]?.hash).toBe(rows[0]?.hash);
  const detail = requests['log.show'].output.parse({ row: log.show('c1') }).row;
  expect(detail.resultText).toBe('{"content":[]}');
  expect(detail.steps.map(({ step }) => step)).toEqual(['received', 'decided', 'forwarded', 'completed']);
  const midnight = '2026-11-22T00:00:00Z';
  expect(log.countSince('token:1', midnight)).toBe(1);
  expect(log.lastCallAt()).toBe(rows[0]?.at);
  expect(await log.verify()).toMatchObject({ ok: true, rows: 3 });

  log.decided(callOf('c2'), allow);
  expect(log.countSince('token:1', midnight)).toBe(2);
  expect(log.countSince('token:1', '2027-11-22T00:00:00Z')).toBe(0);
  expect(log.countSince('token:1', midnight)).toBe(2);
});

test('only what the log holds as allowed may run, and only once', () => {
  const log = start();
  const asked = log.decided(callOf('ask'), askFirst);
  expect(() => log.permit(asked)).toThrow(/may not run/);
  const decided = log.answered(asked, { outcome: 'allowed', by: 'window', after: 4_000 });
  expect(decided).toBe(asked);
  expect(() => log.answered(asked, { outcome: 'allowed' })).toThrow(/answered already/);

  for (const outcome of ['denied', 'expired', 'pending', 'cancelled', 'paused'] as const) {
    const judged = log.decided(callOf(`ask-${outcome}`), askFirst);
    expect(log.answered(judged, { outcome })).toBeUndefined();
    expect(() => log.permit(judged)).toThrow();
  }
  const denied = log.decided(callOf('no'), deny);
  expect(() => log.permit(denied)).toThrow();
  expect(() => log.answered(denied, { outcome: 'allowed' })).toThrow();
  const once = log.decided(callOf('once'), allow);
  log.permit(once);
  expect(() => log.permit(once)).toThrow();
  const forged = { ...once };
  expect(() => log.permit(forged)).toThrow(/not judged/);
  expect(() => log.decided(callOf('once'), allow)).toThrow(/under way/);
});

test('a second completion is not stored', () => {
  const log = start();
  const judged = log.decided(callOf('c1'), deny);
  log.completed(judged, { outcome: 'denied', bytesOut: 1 });
  log.completed(judged, { outcome: 'ran', bytesOut: 2 });
  expect(log.show('c1')).toMatchObject({ outcome: 'denied', bytesOut: 1 });
});

test('pages, filters and words', () => {
  const log = start();
  for (let at = 1; at <= 30; at += 1) {
    clock.advance(1_000);
    const call = callOf(`c${at}`, {
      server: at % 2 ? 'files' : 'mail',
      args: { path: at === 7 ? 'Wanted "x"' : 'other' },
    });
    log.completed(log.decided(call, deny), { outcome: 'denied', bytesOut: 0 });
  }
  log.note({ kind: 'authority', message: 'Server files shared.', server: 'files', by: 'cli' });
  const first = log.list({ limit: 10 });
  expect(first.rows.map((row) => row.id).slice(0, 3)).toEqual([expect.stringMatching(/^ev-/), 'c30', 'c29']);
  expect(first.rows[0]?.message).toBe('Server files shared. (by cli)');
  const ids: string[] = [];
  let before: number | undefined;
  do {
    const page = log.list({ limit: 10, ...(before === undefined ? {} : { before }) });
    ids.push(...page.rows.map((row) => row.id));
    before = page.next;
  } while (before !== undefined);
  expect(ids).toHaveLength(32); // 30 calls, the note, the start
  expect(new Set(ids).size).toBe(32);
  expect(log.list({ server: 'mail' }).rows).toHaveLength(15);
  expect(log.list({ text: 'wanted "x"' }).rows.map((row) => row.id)).toEqual(['c7']);
  expect(log.list({ text: 'wanted mail' }).rows).toEqual([]);
  expect(log.list({ text: 'claude READ_file', limit: 1_000 }).rows).toHaveLength(30);
  expect(log.list({ since: new Date(clock.now() - 1_500).toISOString().replace('.500Z', '.5Z') }).rows).toHaveLength(3);
  expect(log.list({ since: '2030-01-01T00:00:00Z' }).rows).toEqual([]);
  expect(() => log.show('nothing')).toThrow(/no entry/);
  expect(log.show('ev-1').message).toBe('Sallyport 0.1.0 started.');
});

test('secrets become equal markers for equal secrets, and are nowhere in the files', () => {
  const log = start();
  const token = `sp_${'A'.repeat(43)}`;
  const pem = '-----BEGIN PRIVATE KEY-----\nMIIBVgIBADANBgkq-x\n-----END PRIVATE KEY-----';
  const github = `ghp_${'b'.repeat(36)}`;
  const args = {
    a: `Bearer ${token}`,
    b: [`x ${token} y`, pem],
    password: 'hunter2-long',
    url: 'https://me:hunter3@h/',
  };
  const judged = log.decided(callOf('c1', { args }), deny);
  log.completed(judged, { outcome: 'failed', result: fromPlain({ text: github }), error: `no ${github}`, bytesOut: 0 });
  log.note({ kind: 'server', message: `said ${github}` });
  const detail = log.show('c1');
  const markers = detail.argumentsText?.match(/⟨secret:[0-9a-f]{8}⟩/g) ?? [];
  expect(markers).toHaveLength(5);
  expect(markers[0]).toBe(markers[1]);
  expect(detail.resultText).toMatch(/^\{"text":"⟨secret:[0-9a-f]{8}⟩"\}$/);
  expect(detail.error).toMatch(/^no ⟨secret/);
  log.close();
  for (const name of readdirSync(folder)) {
    const bytes = readFileSync(join(folder, name), 'latin1');
    for (const secret of [token, github, 'hunter2', 'hunter3', 'MIIBVg']) expect(bytes).not.toContain(secret);
  }
});

test('what is longer than 64 KiB is cut with a count, a secret across the cut still marked', () => {
  const log = start();
  const github = `ghp_${'b'.repeat(36)}`;
  const args = { text: `${'é'.repeat(32_760)} ${github} ${'z'.repeat(900_000)}` };
  const judged = log.decided(callOf('big', { args }), deny);
  log.completed(judged, { outcome: 'denied', bytesOut: 0 });
  const text = log.show('big').argumentsText ?? '';
  expect(text).not.toContain('ghp_');
  const [kept = '', count] = text.split('… (+');
  expect(Buffer.byteLength(kept)).toBeLessThanOrEqual(65_536);
  expect(Buffer.byteLength(kept)).toBeGreaterThan(65_000);
  expect(count).toMatch(/^9\d{5} bytes not kept\)$/);
  expect(requests['log.list'].output.safeParse(log.list({})).success).toBe(true);
});

test('number lexemes are kept as they came', () => {
  const log = start();
  log.decided({ ...callOf('n'), arguments: parseJson('{"n":9007199254740993,"x":1.10}') }, deny);
  expect(log.show('n').argumentsText).toBe('{"n":9007199254740993,"x":1.10}');
});

test('without a file to write in, a call is refused; a completion is written late', () => {
  const troubles: string[] = [];
  const log = createRequestLog({
    path,
    clock,
    ...logDeps(),
    onTrouble: (error) => troubles.push(error.code),
  });
  open.push(log);
  const judged = log.decided(callOf('c1'), allow);
  log.permit(judged);
  const blocker = new DatabaseSync(path);
  blocker.exec('ALTER TABLE ev RENAME TO away');
  log.completed(judged, { outcome: 'ran', bytesOut: 3 });
  expect(() => log.decided(callOf('c2'), allow)).toThrow(expect.objectContaining({ code: 'log_unavailable' }));
  blocker.exec('ALTER TABLE away RENAME TO ev');
  blocker.close();
  expect(troubles).toContain('log_unavailable');
  log.decided(callOf('c3'), allow);
  expect(log.show('c1').outcome).toBe('ran');
  expect(log.list({}).rows.map((row) => row.id)).not.toContain('c2');
  log.close();
  expect(() => log.decided(callOf('c4'), allow)).toThrow(expect.objectContaining({ code: 'log_unavailable' }));
});

test('a listener that throws does not stop a call', () => {
  const log = start();
  log.onRow(() => {
    throw new Error('broken');
  });
  expect(() => log.decided(callOf('c1'), allow)).not.toThrow();
});

test('the file alone can be listed, shown, exported and verified, also while it is open', async () => {
  const log = start();
  log.completed(log.decided(callOf('c1'), deny), { outcome: 'denied', bytesOut: 0 });
  for (let round = 0; round < 2; round += 1) {
    expect(listLogFile(path, { limit: 10 }).rows.map((row) => row.id)).toContain('c1');
    expect(showLogFile(path, 'c1').outcome).toBe('denied');
    expect([...exportLogFile(path)].map((row) => row.id).slice(0, 2)).toEqual(['ev-1', 'c1']);
    expect(await verifyLogFile(path)).toMatchObject({ ok: true });
    log.close();
  }
  expect(() => listLogFile(join(folder, 'none.db'), {})).toThrow(expect.objectContaining({ code: 'log_missing' }));
});

test('the file is the owner’s only', () => {
  start();
  for (const name of readdirSync(folder)) expect(statSync(join(folder, name)).mode & 0o077).toBe(0);
});

test('a newer file is not touched, a damaged one is kept aside, a hopeless folder is named', async () => {
  start().close();
  const raw = new DatabaseSync(path);
  raw.exec('PRAGMA user_version = 99; PRAGMA wal_checkpoint(TRUNCATE)');
  raw.close();
  const before = readFileSync(path);
  const thrown = (): SallyportError | undefined => {
    try {
      start();
      return undefined;
    } catch (error) {
      return error as SallyportError;
    }
  };
  expect(thrown()?.code).toBe('log_newer');
  expect(() => verifyLogFile(path)).toThrow(expect.objectContaining({ code: 'log_newer' }));
  expect(readFileSync(path).equals(before)).toBe(true);

  writeFileSync(path, 'this is not a database, whatever its name may say');
  const log = start();
  const kept = readdirSync(folder).find((name) => name.startsWith('log.db.damaged-'));
  expect(kept && readFileSync(join(folder, kept), 'utf8')).toContain('not a database');
  expect(log.list({}).rows[0]?.message).toContain(kept);
  log.close();

  const blocked = join(folder, 'file');
  writeFileSync(blocked, '');
  path = join(blocked, 'log.db');
  expect(thrown()?.code).toBe('log_unwritable');
});

test('a file that is broken inside is kept aside at start', () => {
  const log = start();
  for (let at = 0; at < 50; at += 1) log.note({ kind: 'app', message: 'x'.repeat(2_000) });
  log.close();
  const bytes = readFileSync(path);
  bytes.fill(0xff, 100, 4_096);
  writeFileSync(path, bytes);
  copyFileSync(path, join(folder, 'copy'));
  expect(start().list({}).rows).toHaveLength(2);
  const kept = readdirSync(folder).find((name) => name.startsWith('log.db.damaged-')) ?? '';
  expect(existsSync(join(folder, kept)) && readFileSync(join(folder, kept)).equals(bytes)).toBe(true);
});
