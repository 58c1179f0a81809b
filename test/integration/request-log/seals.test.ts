import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { chainHash } from '../../../electron/core/request-log/chain.ts';
import { createRequestLog } from '../../../electron/core/request-log/create-request-log.ts';
import { verifyLogFile } from '../../../electron/core/request-log/log-file.ts';
import type { RequestLog } from '../../../electron/core/request-log/request-log.ts';
import { defaultLogLimits } from '../../../electron/core/request-log/retention.ts';
import { keyText, storeSeal } from '../../../electron/core/request-log/seals.ts';
import type { Witness } from '../../../electron/core/request-log/verify-chain.ts';
import { createManualClock } from '../../manual-clock.ts';
import { allow, callOf, logKeys } from '../../unit/request-log/calls.ts';

let folder: string;
let path: string;
let keys: ReturnType<typeof logKeys>;
let limits = defaultLogLimits;
const clock = createManualClock();
const opened: RequestLog[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sallyport-seals-'));
  path = join(folder, 'log.db');
  keys = logKeys();
  limits = defaultLogLimits;
});
afterEach(() => {
  for (const log of opened.splice(0)) log.close();
  rmSync(folder, { recursive: true, force: true });
});

function start(): RequestLog {
  const log = createRequestLog({ path, clock, keys, limits: () => limits, version: '1' });
  opened.push(log);
  return log;
}

function fill(log: RequestLog, calls: number, args: unknown = {}): void {
  for (let at = 0; at < calls; at += 1) {
    const judged = log.permit(log.decided(callOf(crypto.randomUUID(), { args }), allow));
    log.completed(judged, { outcome: 'ran', bytesOut: 1 });
    clock.advance(100);
  }
}

const witness = (): Witness => ({ key: keyText(keys.sealKey), ...(keys.anchor ? { anchor: keys.anchor } : {}) });
const verify = (known: Witness = witness()) => verifyLogFile(path, known);

function tamper(change: (database: DatabaseSync) => void): void {
  const database = new DatabaseSync(path);
  change(database);
  database.close();
}

/** What somebody does who can write the file and knows how hashes are made, but has no key. */
function rewriteChain(database: DatabaseSync, from: number): void {
  let hash = database.prepare('SELECT hash FROM ev WHERE seq = ?').get(from - 1)?.hash as Uint8Array;
  const set = database.prepare('UPDATE ev SET hash = ? WHERE seq = ?');
  for (const row of database.prepare('SELECT seq, body FROM ev WHERE seq >= ? ORDER BY seq').all(from)) {
    hash = chainHash(hash, String(row.body));
    set.run(hash, Number(row.seq));
  }
}

async function written(calls = 600): Promise<void> {
  const log = start();
  fill(log, calls);
  log.close();
  await log.settled();
}

test('checkpoints are signed as the log grows, and at its end', async () => {
  await written();
  expect(verify()).toMatchObject({ ok: true, rows: 1_202, signedBy: 'us' });
  expect(verify().checkpoints).toBe(3);
  expect(keys.anchor?.newest.seq).toBe(1_202);
  expect(verify({})).toMatchObject({ ok: true, signedBy: 'unproven' });
});

test('a time without many calls is signed too', () => {
  const log = start();
  fill(log, 3);
  const before = keys.anchor?.newest.seq ?? 0;
  clock.advance(300_000);
  expect(verify().checkpoints).toBeGreaterThanOrEqual(2);
  expect(before).toBeLessThan(8);
});

test('a chain that was written anew from one entry on does not fit its checkpoint', async () => {
  await written();
  tamper((database) => {
    database.exec(`UPDATE ev SET body = replace(body, '"risk":5', '"risk":6') WHERE seq = 1100`);
    rewriteChain(database, 1_100);
  });
  const found = verify();
  expect(found).toMatchObject({ ok: false, damage: 'changed' });
  expect(found.badSeq).toBeGreaterThan(1_000);
  expect(found.badSeq).toBeLessThanOrEqual(1_100);
  expect(found.why).toContain('written anew');
  // The checkpoints of the rest taken away too: then the place in secrets tells it.
  tamper((database) => database.exec('DELETE FROM seal WHERE seq > 1090'));
  expect(verify()).toMatchObject({ ok: false, damage: 'changed', badSeq: 1_202 });
});

test('a checkpoint of another key, an edited one, and one that was taken away', async () => {
  await written();
  const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  tamper((database) => {
    const hash = Buffer.from(database.prepare('SELECT hash FROM ev WHERE seq = 1202').get()?.hash as Uint8Array);
    storeSeal(
      database,
      { kind: 'checkpoint', seq: 1_202, hash: hash.toString('hex'), at: new Date(clock.now()).toISOString() },
      stranger,
    );
  });
  expect(verify()).toMatchObject({ ok: false, damage: 'checkpoint', badSeq: 1_202 });
  // Without this installation's key nobody can tell; the answer does not pretend to.
  expect(verify({})).toMatchObject({ ok: true, signedBy: 'unproven' });
  tamper((database) =>
    database.exec(`UPDATE seal SET body = replace(body, '"seq":1202', '"seq":1202 ') WHERE seq = 1202`),
  );
  expect(verify({})).toMatchObject({ ok: false, damage: 'checkpoint', badSeq: 1_202 });
  tamper((database) => database.exec('DELETE FROM seal WHERE seq = 1202'));
  expect(verify()).toMatchObject({ ok: false, damage: 'checkpoint', badSeq: 1_202 });
});

test('an end that was cut off is told, and told again after a start', async () => {
  await written();
  tamper((database) => database.exec('DELETE FROM ev WHERE seq > 1150'));
  expect(verify({})).toMatchObject({ ok: false, damage: 'cut', badSeq: 1_151 });
  tamper((database) => database.exec('DELETE FROM seal WHERE seq > 1150'));
  expect(verify({})).toMatchObject({ ok: true });
  expect(verify()).toMatchObject({ ok: false, damage: 'cut', badSeq: 1_151 });
  const log = start();
  fill(log, 20);
  log.close();
  await log.settled();
  expect(verify()).toMatchObject({ ok: false, damage: 'cut', badSeq: 1_151 });
  expect(
    start()
      .list({ limit: 500 })
      .rows.some((row) => row.message?.includes('Entries are missing')),
  ).toBe(true);
});

test('a file that was deleted is missed', async () => {
  await written(5);
  rmSync(path);
  await start().settled();
  expect(verify()).toMatchObject({ ok: false, damage: 'cut', badSeq: 1 });
});

test('an older copy in place of the file is missed', async () => {
  await written(5);
  const copy = new DatabaseSync(path);
  copy.exec(`VACUUM INTO '${join(folder, 'copy.db')}'`);
  copy.close();
  await written(5);
  rmSync(path);
  const back = new DatabaseSync(join(folder, 'copy.db'));
  back.exec(`VACUUM INTO '${path}'`);
  back.close();
  expect(verify()).toMatchObject({ ok: false, damage: 'cut', badSeq: 13 });
});

test('what is too old goes, a segment at a time, and the rest verifies', async () => {
  await written();
  clock.advance(60 * 86_400_000);
  const log = start();
  fill(log, 100);
  limits = { ...defaultLogLimits, days: 30 };
  expect(log.keepToLimits()).toMatchObject({ because: 'age' });
  expect(log.keepToLimits()).toBeUndefined();
  // In the middle of the removal nothing of it shows, and the chain is whole.
  expect(await log.verify()).toMatchObject({ ok: true, removed: { entries: 1_202 } });
  expect([...walk(log)].at(-1)?.seq).toBe(1_203);
  clock.advance(10_000);
  tamper((database) => expect(database.prepare('SELECT min(seq) AS low FROM ev').get()?.low).toBe(1_203));
  expect(await log.verify()).toMatchObject({ ok: true, removed: { entries: 1_202 } });
  expect(log.list({ limit: 20 }).rows.some((row) => row.message?.includes('were taken away'))).toBe(true);
  log.close();
  await log.settled();
  expect(verify()).toMatchObject({ ok: true });
  // The same without the signature is damage.
  tamper((database) => database.exec('DELETE FROM ev WHERE seq < 1300'));
  expect(verify()).toMatchObject({ ok: false, damage: 'removed', badSeq: 1_203 });
});

test('a removal that the end of the app cut off goes on at the next start; an open call stays whole', async () => {
  const log = start();
  const open = log.decided(callOf('open'), allow);
  fill(log, 700, { text: 'x'.repeat(3_000) });
  limits = { ...defaultLogLimits, bytes: 1_048_576 };
  // Only what was before it: that the app started.
  expect(log.keepToLimits()).toMatchObject({ entries: 1 });
  log.completed(open, { outcome: 'ran', bytesOut: 1 });
  expect(log.keepToLimits()).toMatchObject({ because: 'size' });
  log.close();
  await log.settled();
  const left = (): number => {
    let low = 0;
    tamper((database) => {
      low = Number(database.prepare('SELECT min(seq) AS low FROM ev').get()?.low);
    });
    return low;
  };
  expect(left()).toBeLessThan(900);
  const again = start();
  clock.advance(10_000);
  expect(left()).toBeGreaterThan(900);
  expect(await again.verify()).toMatchObject({ ok: true });
});

test('a log of version 1 is taken over and still verifies', async () => {
  tamper((database) => {
    database.exec(`
CREATE TABLE ev(
  seq INTEGER PRIMARY KEY,
  at TEXT NOT NULL, kind TEXT NOT NULL, call TEXT, agent TEXT, server TEXT, tool TEXT, decision TEXT,
  body TEXT NOT NULL, hash BLOB NOT NULL
);
CREATE INDEX ev_call ON ev(call, seq);
CREATE INDEX ev_agent ON ev(agent, at);
CREATE INDEX ev_server ON ev(server, seq);
CREATE INDEX ev_at ON ev(at);
CREATE INDEX ev_run ON ev(seq) WHERE kind IN ('started', 'stopped');
PRAGMA user_version = 1`);
    const at = '2026-11-22T11:00:00.000Z';
    const call = { agent: 'token:1', at, call: 'old', server: 'files', tool: 'read_file' };
    const bodies = [
      { at, kind: 'started', message: 'Sallyport 0 started.', seq: 1 },
      {
        ...call,
        agentName: 'Claude',
        agentSession: 's',
        bytesIn: 1,
        class: 'read',
        decision: 'allow',
        digest: 'd',
        era: 'e',
        kind: 'decided',
        method: 'tools/call',
        reasons: [],
        receivedAt: at,
        risk: 1,
        rule: 'r',
        seq: 2,
      },
      { ...call, bytesOut: 3, decision: 'ran', kind: 'completed', seq: 3 },
    ];
    let hash: Uint8Array = new Uint8Array(32);
    for (const body of bodies) {
      const text = JSON.stringify(Object.fromEntries(Object.entries(body).sort(([a], [b]) => (a < b ? -1 : 1))));
      hash = chainHash(hash, text);
      const { kind, seq } = body;
      const of = 'call' in body ? body : undefined;
      database
        .prepare('INSERT INTO ev VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)')
        .run(
          seq,
          at,
          kind,
          of?.call ?? null,
          of?.agent ?? null,
          of?.server ?? null,
          of?.tool ?? null,
          of?.decision ?? null,
          text,
          hash,
        );
    }
  });
  expect(verify({})).toMatchObject({ ok: true, rows: 3, signedBy: 'nobody' });
  const log = start();
  expect(log.show('old')).toMatchObject({ outcome: 'ran', bytesOut: 3 });
  expect(log.list({ limit: 50 }).rows.map((row) => row.outcome)).toContain('ran');
  expect(await log.verify()).toMatchObject({ ok: true, signedBy: 'us' });
  tamper((database) => database.exec('UPDATE ev SET head = 1 WHERE seq = 3'));
  expect(await log.verify()).toMatchObject({ ok: false, damage: 'changed', badSeq: 3 });
});

function* walk(log: RequestLog) {
  let before: number | undefined;
  do {
    const page = log.list({ limit: 1_000, ...(before === undefined ? {} : { before }) });
    yield* page.rows;
    before = page.next;
  } while (before !== undefined);
}
