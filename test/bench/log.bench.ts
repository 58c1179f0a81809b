/**
 * The request log at a million entries against an empty one, in one run: what an append costs in the road of a call, what a
 * search costs with the index aside against going through the log, and whether the event loop is held meanwhile.
 * `LOG_BENCH_CALLS` makes it smaller (each call is two entries).
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { DatabaseSync } from 'node:sqlite';
import { chainHash, genesisHash } from '../../electron/core/request-log/chain.ts';
import { createRequestLog } from '../../electron/core/request-log/create-request-log.ts';
import { listRows } from '../../electron/core/request-log/log-reader.ts';
import type { RequestLog } from '../../electron/core/request-log/request-log.ts';
import { readSearchIndex } from '../../electron/core/request-log/search-index.ts';
import { systemClock } from '../../electron/core/state/system-clock.ts';
import type { RequestInput } from '../../electron/shared/contract.ts';
import { fromPlain } from '../../electron/shared/json-tree.ts';
import { allow, callOf, logDeps } from '../unit/request-log/calls.ts';

const calls = Number(process.env.LOG_BENCH_CALLS ?? 500_000);
const words =
  'invoice report meeting notes draft budget travel contract photo summary agenda minutes ticket release'.split(' ');
const tools = ['read_file', 'list_folder', 'search', 'write_file', 'send_mail', 'query'];
const outcomes = ['ran', 'ran', 'ran', 'ran', 'ran', 'ran', 'ran', 'denied', 'failed', 'expired'];

function pick<Value>(list: readonly Value[], at: number): Value {
  return list[Math.abs(Math.imul(at, 2_654_435_761) >>> 7) % list.length] as Value;
}

/** Writes the file as the log would have, in a few transactions. */
function fill(path: string): void {
  const database = new DatabaseSync(path);
  database.exec('PRAGMA synchronous = OFF');
  const newest = database.prepare('SELECT seq, hash FROM ev ORDER BY seq DESC LIMIT 1').get();
  let seq = Number(newest?.seq ?? 0);
  let hash = newest?.hash instanceof Uint8Array ? newest.hash : genesisHash;
  const insert = database.prepare('INSERT INTO ev VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)');
  const start = Date.now() - calls * 2_000;
  const digest = `sha256:${'d'.repeat(64)}`;
  database.exec('BEGIN');
  for (let at = 0; at < calls; at += 1) {
    const time = new Date(start + at * 2_000).toISOString();
    const id = `call-${at}-${Math.imul(at, 2_654_435_761) >>> 0}`;
    const of = { agent: `token:${at % 7}`, call: id, server: at % 3 ? 'files' : 'mail', tool: pick(tools, at) };
    const rare = at % 50_000 === 77 ? 'zanzibar ' : '';
    const args = {
      path: `/home/ada/${pick(words, at)}/${pick(words, at * 3)}-${at}.md`,
      text: `${rare}${pick(words, at * 7)} ${pick(words, at * 13)} of ${pick(words, at * 29)} number ${at} ${'lorem ipsum dolor sit amet '.repeat(4)}`,
    };
    const head = seq + 1;
    const write = (
      body: Record<string, unknown>,
      columns: { kind: string; decision: string; head: number | null },
    ): void => {
      seq += 1;
      const text = JSON.stringify(
        Object.fromEntries(Object.entries({ ...body, ...of, at: time, seq }).sort(([a], [b]) => (a < b ? -1 : 1))),
      );
      hash = chainHash(hash, text);
      insert.run(seq, time, columns.kind, id, of.agent, of.server, of.tool, columns.decision, columns.head, text, hash);
    };
    write(
      {
        agentName: `Agent ${at % 7}`,
        agentSession: 's1',
        argumentsText: JSON.stringify(args),
        bytesIn: 300,
        class: 'read',
        decision: 'allow',
        digest,
        era: '2025-11-25',
        kind: 'decided',
        method: 'tools/call',
        pin: digest,
        reasons: ['it only reads'],
        receivedAt: time,
        risk: 5,
        rule: 'class:read',
      },
      { kind: 'decided', decision: 'allow', head: null },
    );
    const outcome = pick(outcomes, at * 11);
    write(
      { bytesOut: 100, decision: outcome, head, kind: 'completed', ms: 3, resultText: '{"content":[]}' },
      { kind: 'completed', decision: outcome, head },
    );
    if (at % 20_000 === 19_999) database.exec('COMMIT; BEGIN');
  }
  database.exec('COMMIT; PRAGMA wal_checkpoint(TRUNCATE)');
  database.close();
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

function appends(log: RequestLog, name: string, count: number): number[] {
  const result = fromPlain({ content: [{ type: 'text', text: 'hello '.repeat(40) }] });
  return Array.from({ length: count }, (_, at) => {
    const started = performance.now();
    const decided = log.permit(log.decided(callOf(`${name}-${at}`), allow));
    log.completed(decided, { outcome: 'ran', result, ms: 3, bytesOut: 300 });
    return performance.now() - started;
  });
}

const folder = mkdtempSync(join(tmpdir(), 'sallyport-log-bench-'));
const open = (name: string): RequestLog =>
  createRequestLog({ path: join(folder, name), clock: systemClock, ...logDeps() });
try {
  open('full.db').close();
  let started = performance.now();
  fill(join(folder, 'full.db'));
  console.log(`${calls * 2} entries written in ${((performance.now() - started) / 1_000).toFixed(1)} s`);
  const full = open('full.db');
  const empty = open('empty.db');

  const costs: [number[], number[]] = [[], []];
  for (let round = 0; round < 10; round += 1) {
    costs[0].push(...appends(empty, `e${round}`, 200));
    costs[1].push(...appends(full, `f${round}`, 200));
  }
  console.log(
    `a read call's two entries: median ${(median(costs[0]) * 1_000).toFixed(0)} µs in an empty log, ×${(median(costs[1]) / median(costs[0])).toFixed(2)} at ${calls * 2}`,
  );

  started = performance.now();
  const reader = new DatabaseSync(join(folder, 'full.db'), { readOnly: true });
  const newest = Number(reader.prepare('SELECT max(seq) AS n FROM ev').get()?.n);
  for (let upto = 0; upto < newest; ) {
    await full.search({ text: 'zanzibar', limit: 50 });
    const index = readSearchIndex(reader, join(folder, 'full-index.db'));
    upto = index?.upto() ?? 0;
    index?.close();
  }
  console.log(`index complete after ${((performance.now() - started) / 1_000).toFixed(1)} s`);
  const hour = (back: number): string => new Date(Date.now() - back * 3_600_000).toISOString();
  const queries: [string, RequestInput<'log.list'>][] = [
    ['newest', {}],
    ['rare word', { text: 'zanzibar' }],
    ['common word', { text: 'report' }],
    ['two words', { text: 'invoice travel' }],
    ['part of a path', { text: '/home/ada/budget' }],
    ['word and agent', { text: 'zanzibar', agent: 'Agent 3' }],
    ['agent, tool, outcome', { agent: 'token:2', tool: 'send_mail', outcome: 'denied' }],
    ['server and decision', { server: 'mail', decision: 'allow' }],
    ['nothing has it', { text: 'zanzibar', outcome: 'expired', agent: 'token:99' }],
    ['an hour in the past', { since: hour(200), until: hour(199), text: 'report' }],
  ];
  const delay = monitorEventLoopDelay({ resolution: 1 });
  for (const [name, query] of queries) {
    const times: number[] = [];
    let rows = 0;
    delay.reset();
    delay.enable();
    for (let round = 0; round < 15; round += 1) {
      const from = performance.now();
      rows = (await full.search({ limit: 50, ...query })).rows.length;
      times.push(performance.now() - from);
    }
    delay.disable();
    const from = performance.now();
    listRows(reader, { limit: 50, ...query }, { milliseconds: 60_000 });
    const through = performance.now() - from;
    console.log(
      `${name.padEnd(22)} median ${median(times).toFixed(1).padStart(6)} ms, longest ${Math.max(...times)
        .toFixed(1)
        .padStart(
          6,
        )} ms, ×${(median(times) / through).toFixed(3)} of going through the log; ${String(rows).padStart(2)} rows; event loop held at most ${(delay.max / 1e6).toFixed(0)} ms`,
    );
  }
  reader.close();
  started = performance.now();
  const verified = await full.verify();
  console.log(
    `verify: ${verified.ok ? 'whole' : verified.why}, ${(verified.rows / (performance.now() - started)).toFixed(0)} entries a ms`,
  );
  for (const log of [full, empty]) {
    log.close();
    await log.settled();
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
