import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createRequestLog } from '../../../electron/core/request-log/create-request-log.ts';
import { verifyLogFile } from '../../../electron/core/request-log/log-file.ts';
import { fromPlain } from '../../../electron/shared/json-tree.ts';
import { createManualClock } from '../../manual-clock.ts';
import { allow, askFirst, callOf, logDeps } from '../../unit/request-log/calls.ts';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sallyport-tamper-'));
  path = join(folder, 'log.db');
  const log = createRequestLog({ path, clock: createManualClock(), ...logDeps() });
  for (let at = 0; at < 100; at += 1) {
    const judged = log.decided(callOf(`c${at}`), at % 3 ? allow : askFirst);
    if (judged.decision.effect === 'ask') log.answered(judged, { outcome: 'denied', by: 'window', after: 5 });
    log.completed(judged, { outcome: 'failed', result: fromPlain({ at }), bytesOut: 2 });
  }
  log.close();
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function tamper(sql: string): void {
  const database = new DatabaseSync(path);
  database.exec(sql);
  database.close();
}

test('untouched, the chain is good', async () => {
  expect(await verifyLogFile(path)).toMatchObject({ ok: true, rows: 236 });
});

test.each([
  ['at', "at = '2026-11-22T11:00:00.000Z'"],
  ['kind', "kind = 'app'"],
  ['call', "call = 'other'"],
  ['agent', "agent = 'token:2'"],
  ['server', "server = 'mail'"],
  ['tool', "tool = 'write_file'"],
  ['tool removed', 'tool = NULL'],
  ['decision', "decision = 'deny'"],
  ['body', `body = replace(body, '"risk":5', '"risk":6')`],
  ['body and column', `body = replace(body, 'read_file', 'read_more'), tool = 'read_more'`],
  ['hash', 'hash = zeroblob(32)'],
  ['hash of another type', "hash = 'text'"],
])('an edited %s is found at its entry', async (_column, assignment) => {
  tamper(`UPDATE ev SET ${assignment} WHERE seq = (SELECT seq FROM ev WHERE call = 'c50' AND kind = 'decided')`);
  const database = new DatabaseSync(path, { readOnly: true });
  const seq = database.prepare('SELECT min(seq) AS seq FROM ev WHERE body LIKE ?').get('%"call":"c50"%')?.seq;
  database.close();
  expect(await verifyLogFile(path)).toMatchObject({ ok: false, badSeq: seq, rows: Number(seq) - 1 });
});

test('a removed, moved or inserted entry is found', async () => {
  tamper('DELETE FROM ev WHERE seq = 40');
  expect(await verifyLogFile(path)).toMatchObject({ ok: false, badSeq: 40 });
  tamper('UPDATE ev SET seq = 40 WHERE seq = 41');
  expect(await verifyLogFile(path)).toMatchObject({ ok: false, badSeq: 40 });
  tamper('DELETE FROM ev WHERE seq < 5');
  expect(await verifyLogFile(path)).toMatchObject({ ok: false, badSeq: 1 });
});

test('an inserted entry before the first is found', async () => {
  tamper("INSERT INTO ev(seq, at, kind, body, hash) VALUES (-1, 'x', 'app', '{}', zeroblob(32))");
  expect(await verifyLogFile(path)).toMatchObject({ ok: false });
});

test('a running instance also sees that the end was cut, and a damaged row is shown as such', async () => {
  const log = createRequestLog({ path, clock: createManualClock(), ...logDeps() });
  log.note({ kind: 'app', message: 'one' });
  tamper("DELETE FROM ev WHERE seq = (SELECT max(seq) FROM ev); UPDATE ev SET body = '{}' WHERE seq = 2");
  expect(log.list({ limit: 1_000 }).rows.find((row) => row.seq === 2)?.message).toMatch(/damaged/);
  tamper('DELETE FROM ev WHERE seq < 200');
  expect(await log.verify()).toMatchObject({ ok: false });
  log.close();
});

test('a cut end alone is found by the instance that wrote it', async () => {
  const log = createRequestLog({ path, clock: createManualClock(), ...logDeps() });
  log.note({ kind: 'app', message: 'one' });
  tamper('DELETE FROM ev WHERE seq = (SELECT max(seq) FROM ev)');
  expect(await log.verify()).toMatchObject({ ok: false, why: 'entries are missing at the end' });
  log.close();
});

test('checking a long log leaves turns to others', async () => {
  const log = createRequestLog({ path, clock: createManualClock(), ...logDeps() });
  const database = new DatabaseSync(path);
  database.close();
  const big = { text: 'x'.repeat(60_000) };
  for (let at = 0; at < 400; at += 1) log.decided(callOf(`big${at}`, { args: big }), allow);
  let turns = 0;
  const ticking = setInterval(() => {
    turns += 1;
  }, 1);
  expect(await log.verify()).toMatchObject({ ok: true });
  clearInterval(ticking);
  expect(turns).toBeGreaterThan(2);
  log.close();
});
