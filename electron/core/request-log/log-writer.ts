import type { DatabaseSync } from 'node:sqlite';
import * as z from 'zod';
import { type Clock, timestamp } from '../../shared/clock.ts';
import { bodyText, chainHash, type EventBody, eventBody, genesisHash, hashText, type LogEvent } from './chain.ts';
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
  close(): void;
}

const leftRow = z.object({
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
  call: { readonly call: string; readonly agent: string; readonly server: string; readonly tool?: string | undefined },
  forwardable: boolean,
): NewEvent {
  const error = forwardable ? mayHaveHappened : neverReached;
  return { kind: 'completed', ...call, decision: 'unknown', error, bytesOut: 0 };
}

/** Takes up the chain where the file ends. */
export function createLogWriter(database: DatabaseSync, clock: Clock): LogWriter {
  const insert = database.prepare(
    `INSERT INTO ev(seq, at, kind, call, agent, server, tool, decision, body, hash)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const counting = database.prepare("SELECT count(*) AS n FROM ev WHERE agent = ? AND at >= ? AND kind = 'decided'");
  const newest = database.prepare('SELECT seq, hash FROM ev ORDER BY seq DESC LIMIT 1').get();
  let tail: ChainTail = newest
    ? { seq: Number(newest.seq), hash: z.instanceof(Uint8Array).parse(newest.hash) }
    : { seq: 0, hash: genesisHash };
  const lastCall = database.prepare("SELECT at FROM ev WHERE kind = 'decided' ORDER BY seq DESC LIMIT 1").get();
  let lastCallAt = lastCall === undefined ? undefined : String(lastCall.at);

  // Asked at every change of the state, for the same midnight: counted once by the database, from then on along with the rows.
  let counts = { since: '', ofAgent: new Map<string, number>() };
  const countSince = (agent: string, since: string): number => {
    const from = new Date(since).toISOString();
    if (counts.since !== from) counts = { since: from, ofAgent: new Map() };
    const known = counts.ofAgent.get(agent);
    if (known !== undefined) return known;
    const counted = Number(counting.get(agent, from)?.n ?? 0);
    counts.ofAgent.set(agent, counted);
    return counted;
  };

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
        text,
        hash,
      );
      tail = { seq, hash };
      if (body.kind === 'decided') {
        lastCallAt = body.at;
        const counted = counts.ofAgent.get(body.agent);
        if (counted !== undefined && body.at >= counts.since) counts.ofAgent.set(body.agent, counted + 1);
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
          `SELECT call, agent, server, tool,
             decision = 'allow' OR EXISTS (
               SELECT 1 FROM ev a WHERE a.call = d.call AND a.kind = 'answered' AND a.decision = 'allowed') AS allowed
           FROM ev d WHERE seq > ? AND kind = 'decided'
             AND NOT EXISTS (SELECT 1 FROM ev c WHERE c.call = d.call AND c.kind = 'completed') ORDER BY seq`,
        )
        .all(run === undefined ? 0 : Number(run.seq));
      return z
        .array(leftRow)
        .parse(left)
        .map(({ allowed, tool, ...call }) => cutOff({ ...call, ...(tool === null ? {} : { tool }) }, allowed === 1));
    },
    tail: () => tail,
    countSince,
    lastCallAt: () => lastCallAt,
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
