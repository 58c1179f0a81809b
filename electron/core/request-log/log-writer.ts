import type { KeyObject } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import * as z from 'zod';
import { type Clock, timestamp } from '../../shared/clock.ts';
import { bodyText, chainHash, type EventBody, eventBody, genesisHash, hashText, type LogEvent } from './chain.ts';
import { removedSeal, storeSeal } from './seals.ts';
import { firstSeqAt } from './seq-at.ts';
import type { ChainTail } from './verify-chain.ts';

/** `Omit` for each member of a union by itself. */
type OmitEach<Union, Key extends PropertyKey> = Union extends unknown ? Omit<Union, Key> : never;
type Loose<Value> = { [Key in keyof Value]: undefined extends Value[Key] ? Value[Key] | undefined : Value[Key] };
/** An event before it has its place in the chain. */
export type NewEvent =
  OmitEach<EventBody, 'seq' | 'at'> extends infer Each ? (Each extends unknown ? Loose<Each> : never) : never;

/**
 * The one writer of the chain. Every append is one transaction that survives the end of the process, kill -9 included. What
 * lets an effect happen survives the loss of power too: it is on the disk when append returns. Other events follow with the
 * next of those, since a synced disk write costs more than the rest of a call together.
 */
export interface LogWriter {
  /** @throws what SQLite throws; the chain is then as it was */
  append(event: NewEvent): LogEvent;
  /** Completions for the calls that a crash left open. */
  leftOpen(): NewEvent[];
  tail(): ChainTail;
  countSince(agent: string, since: string): number;
  lastCallAt(): string | undefined;
  /** Signs the newest event; true where there was something new to sign. @throws what SQLite throws */
  checkpoint(): boolean;
  close(): void;
}

const leftRow = z.object({
  head: z.number(),
  call: z.string(),
  agent: z.string(),
  server: z.string(),
  tool: z.string().nullable(),
  allowed: z.number(),
});

/** Said of a call that was at its server when the app ended. */
const mayHaveHappened = 'The app ended before the answer came: it may have happened.';
/** Said of a call that nobody had allowed when the app ended. */
const neverReached = 'The app ended before this was allowed: it never reached the server.';

/** The completion of a call that the end of the app cut off. @param forwardable whether it was allowed to run */
export function cutOff(
  call: {
    readonly call: string;
    readonly agent: string;
    readonly server: string;
    readonly tool?: string | undefined;
    /** `seq` of its decision. */
    readonly head?: number | undefined;
  },
  forwardable: boolean,
): NewEvent {
  const error = forwardable ? mayHaveHappened : neverReached;
  return { kind: 'completed', ...call, decision: 'unknown', error, bytesOut: 0 };
}

/** Takes up the chain where the file ends. @param sealKey signs checkpoints */
export function createLogWriter(database: DatabaseSync, clock: Clock, sealKey: KeyObject): LogWriter {
  const insert = database.prepare(
    `INSERT INTO ev(seq, at, kind, call, agent, server, tool, decision, head, body, hash)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  let tail = newestOf(database);
  let sealed = Number(database.prepare('SELECT max(seq) AS n FROM seal').get()?.n ?? 0);
  const lastCall = database.prepare("SELECT at FROM ev WHERE kind = 'decided' ORDER BY seq DESC LIMIT 1").get();
  let lastCallAt = lastCall === undefined ? undefined : String(lastCall.at);
  /** Calls of each agent since one moment; asked for at every change of what fronts show, so it is not counted anew. */
  let counts: { since: string; calls: Map<string, number> } | undefined;

  let durable: boolean | undefined;
  const setDurable = (wanted: boolean): void => {
    if (durable !== wanted) database.exec(`PRAGMA synchronous = ${wanted ? 'FULL' : 'NORMAL'}`);
    durable = wanted;
  };

  return {
    append(event) {
      const seq = tail.seq + 1;
      const body = eventBody.parse({ ...event, seq, at: timestamp(clock) });
      const text = bodyText(body);
      const hash = chainHash(tail.hash, text);
      const call = 'call' in body ? body : undefined;
      setDurable(body.kind === 'answered' || (body.kind === 'decided' && body.class !== 'read'));
      insert.run(
        seq,
        body.at,
        body.kind,
        call?.call ?? null,
        call?.agent ?? null,
        body.server ?? null,
        call?.tool ?? null,
        call?.decision ?? null,
        ('head' in body ? body.head : undefined) ?? null,
        text,
        hash,
      );
      tail = { seq, hash };
      if (body.kind === 'decided') {
        lastCallAt = body.at;
        if (counts && body.at >= counts.since) counts.calls.set(body.agent, (counts.calls.get(body.agent) ?? 0) + 1);
      }
      return { body, hash: hashText(hash) };
    },
    leftOpen() {
      // Whatever was open before the last start or stop was closed then.
      const run = database
        .prepare("SELECT seq FROM ev WHERE kind IN ('started', 'stopped') ORDER BY seq DESC LIMIT 1")
        .get();
      const left = database
        .prepare(
          `SELECT seq AS head, call, agent, server, tool,
             decision = 'allow' OR EXISTS (
               SELECT 1 FROM ev a WHERE a.head = d.seq AND a.kind = 'answered' AND a.decision = 'allowed') AS allowed
           FROM ev d WHERE seq > ? AND kind = 'decided'
             AND NOT EXISTS (SELECT 1 FROM ev c WHERE c.head = d.seq AND c.kind = 'completed') ORDER BY seq`,
        )
        .all(run === undefined ? 0 : Number(run.seq));
      return z
        .array(leftRow)
        .parse(left)
        .map(({ allowed, tool, ...call }) => cutOff({ ...call, ...(tool === null ? {} : { tool }) }, allowed === 1));
    },
    tail: () => tail,
    countSince(agent, since) {
      const from = new Date(since).toISOString();
      if (counts?.since !== from) counts = { since: from, calls: countCalls(database, from) };
      return counts.calls.get(agent) ?? 0;
    },
    lastCallAt: () => lastCallAt,
    checkpoint() {
      if (tail.seq <= sealed) return false;
      // Synced, and with it everything before: the anchor in secrets must never be newer than what a loss of power leaves.
      setDurable(true);
      const hash = Buffer.from(tail.hash).toString('hex');
      storeSeal(database, { kind: 'checkpoint', seq: tail.seq, hash, at: timestamp(clock) }, sealKey);
      sealed = tail.seq;
      return true;
    },
    close() {
      try {
        database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
      } catch {
        // What is committed is in the write-ahead log and is taken up at the next start.
      }
      database.close();
    },
  };
}

/** Where the chain ends: at the newest event, at what retention left where it took all, or at the very beginning. */
function newestOf(database: DatabaseSync): ChainTail {
  const newest = database.prepare('SELECT seq, hash FROM ev ORDER BY seq DESC LIMIT 1').get();
  const removed = removedSeal(database);
  if (newest && Number(newest.seq) >= (removed?.seq ?? 0)) {
    return { seq: Number(newest.seq), hash: z.instanceof(Uint8Array).parse(newest.hash) };
  }
  return removed ? { seq: removed.seq, hash: Buffer.from(removed.hash, 'hex') } : { seq: 0, hash: genesisHash };
}

function countCalls(database: DatabaseSync, from: string): Map<string, number> {
  const calls = new Map<string, number>();
  const rows = database
    .prepare("SELECT agent, count(*) AS n FROM ev WHERE seq >= ? AND at >= ? AND kind = 'decided' GROUP BY agent")
    .all(firstSeqAt(database, from), from);
  for (const { agent, n } of rows) calls.set(String(agent), Number(n));
  return calls;
}
