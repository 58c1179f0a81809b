import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createRequestLog } from '../../../electron/core/request-log/create-request-log.ts';
import { listLogFile } from '../../../electron/core/request-log/log-file.ts';
import { listRows } from '../../../electron/core/request-log/log-reader.ts';
import type { RequestLog } from '../../../electron/core/request-log/request-log.ts';
import { defaultLogLimits } from '../../../electron/core/request-log/retention.ts';
import { indexPath } from '../../../electron/core/request-log/search-index.ts';
import type { RequestInput } from '../../../electron/shared/contract.ts';
import { createManualClock } from '../../manual-clock.ts';
import { createSeeded } from '../../seeded.ts';
import { allow, askFirst, callOf, deny, logDeps } from '../../unit/request-log/calls.ts';

let folder: string;
let path: string;
let log: RequestLog;
let limits = defaultLogLimits;
const clock = createManualClock();
type Query = RequestInput<'log.list'>;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sallyport-search-'));
  path = join(folder, 'log.db');
  limits = defaultLogLimits;
  log = createRequestLog({ path, clock, ...logDeps(), limits: () => limits });
});
afterEach(async () => {
  log.close();
  await log.settled();
  rmSync(folder, { recursive: true, force: true });
});

const words = ['invoice', 'Report', 'Straße', 'naïve', 'meeting', 'ab', 'x1'];
const tools = ['read_file', 'send_mail', 'query'];

function write(count: number, random: ReturnType<typeof createSeeded>, leaveOpen = 0.1): void {
  const { pick, chance } = random;
  for (let at = 0; at < count; at += 1) {
    clock.advance(1_000);
    if (chance(0.1)) {
      log.note({ kind: 'server', server: pick(['files', 'mail']), message: `It said ${pick(words)}.` });
      continue;
    }
    const agent = pick(['Claude', 'Cursor']);
    const judged = log.decided(
      callOf(crypto.randomUUID(), {
        agent: { id: `token:${agent.length}`, name: agent },
        server: pick(['files', 'mail']),
        name: pick(tools),
        args: { path: `/home/${pick(words)}/${at}.md`, text: `first\n${pick(words)} "${pick(words)}"` },
      }),
      pick([allow, askFirst, deny]),
    );
    if (chance(leaveOpen)) continue;
    log.completed(judged, { outcome: pick(['ran', 'failed', 'denied'] as const), bytesOut: 1 });
  }
}

/** Everything that fits, page by page. */
async function all(query: Query, page: (query: Query) => unknown): Promise<number[]> {
  const seqs: number[] = [];
  let before: number | undefined;
  do {
    const got = (await page({ ...query, ...(before === undefined ? {} : { before }) })) as ReturnType<typeof listRows>;
    seqs.push(...got.rows.map(({ seq }) => seq));
    before = got.next;
  } while (before !== undefined);
  return seqs;
}

test('the index finds what going through the log finds: random queries over random calls', async () => {
  const random = createSeeded(6);
  const { pick, chance, below } = random;
  const reader = new DatabaseSync(path, { readOnly: true });
  let hits = 0;
  for (let round = 0; round < 3; round += 1) {
    write(250, random);
    for (let at = 0; at < 25; at += 1) {
      const query: Query = { limit: pick([20, 1_000]) };
      if (chance(0.6))
        query.text = pick([
          'invoice',
          'rep',
          'report meeting',
          '/home/straße',
          'NAÏVE',
          'x1',
          '"ab"',
          'first',
          'Claude send',
        ]);
      if (chance(0.3)) query.agent = pick(['claude', 'token:6', 'nobody']);
      if (chance(0.3)) query.server = pick(['files', 'mail']);
      if (chance(0.3)) query.tool = pick(tools);
      if (chance(0.3)) query.decision = pick(['allow', 'ask', 'deny'] as const);
      if (chance(0.3)) query.outcome = pick(['ran', 'failed', 'denied'] as const);
      if (chance(0.3)) query.since = new Date(clock.now() - below(600_000)).toISOString();
      if (chance(0.3)) query.until = new Date(clock.now() - below(600_000)).toISOString();
      const expected = await all(query, (one) => listRows(reader, one, { milliseconds: 10_000 }));
      expect(await all(query, (one) => log.search(one)), JSON.stringify(query)).toEqual(expected);
      hits += expected.length;
    }
  }
  reader.close();
  expect(hits).toBeGreaterThan(500);
});

test('a call is found by its id, however long ago, and what is under way is found too', async () => {
  const judged = log.decided(callOf('under-way', { args: { text: 'zanzibar' } }), allow);
  write(700, createSeeded(1));
  expect((await log.search({ text: 'zanzibar' })).rows.map(({ id }) => id)).toEqual(['under-way']);
  expect((await log.search({ text: 'zanzibar', outcome: 'ran' })).rows).toEqual([]);
  expect((await log.find('under-way')).outcome).toBeUndefined();
  log.completed(judged, { outcome: 'ran', bytesOut: 1 });
  expect((await log.search({ text: 'zanzibar', outcome: 'ran' })).rows).toHaveLength(1);
  expect((await log.find('under-way')).outcome).toBe('ran');
  await expect(log.find('nobody')).rejects.toMatchObject({ code: 'log_row_not_found' });
});

test('an index that is lost, damaged or of another log is made anew', async () => {
  write(50, createSeeded(2));
  const found = (await log.search({ text: 'invoice' })).rows.length;
  expect(found).toBeGreaterThan(0);
  for (const damage of [
    () => rmSync(indexPath(path)),
    () => writeFileSync(indexPath(path), 'no database at all, for a hundred bytes and more '.repeat(10)),
    () => {
      const index = new DatabaseSync(indexPath(path));
      index.exec('UPDATE place SET hash = zeroblob(32); DELETE FROM words');
      index.close();
    },
  ]) {
    log.close();
    await log.settled();
    for (const suffix of ['-wal', '-shm']) rmSync(indexPath(path) + suffix, { force: true });
    damage();
    // Without an instance: by the index where it fits, else without.
    expect(listLogFile(path, { text: 'invoice' }).rows).toHaveLength(found);
    log = createRequestLog({ path, clock, ...logDeps() });
    expect((await log.search({ text: 'invoice' })).rows).toHaveLength(found);
  }
  expect(existsSync(indexPath(path))).toBe(true);
});

test('what retention took away is not found any more', async () => {
  write(300, createSeeded(3), 0);
  log.note({ kind: 'app', message: 'old zanzibar' });
  clock.advance(300_000);
  expect((await log.search({ text: 'zanzibar' })).rows).toHaveLength(1);
  clock.advance(40 * 86_400_000);
  write(10, createSeeded(4));
  limits = { ...defaultLogLimits, days: 30 };
  log.keepToLimits();
  expect((await log.search({ text: 'zanzibar' })).rows).toEqual([]);
});

test('searching does not hold calls up', async () => {
  write(300, createSeeded(5));
  const asked = log.search({ text: 'invoice' });
  let turns = 0;
  const ticking = setInterval(() => {
    turns += 1;
  }, 1);
  await asked;
  clearInterval(ticking);
  expect(turns).toBeGreaterThan(0);
});
