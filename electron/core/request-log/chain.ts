import { createHash } from 'node:crypto';
import * as z from 'zod';
import { outcomes, toolClasses } from '../../shared/call.ts';
import { instant } from '../../shared/views.ts';

/** Schema version of `log.db`. Version 2 took the indexes out of the road of calls and brought seals. */
export const logSchemaVersion = 2;

const headIndex = `
CREATE INDEX ev_head ON ev(head) WHERE head IS NOT NULL;
CREATE INDEX IF NOT EXISTS ev_run ON ev(seq) WHERE kind IN ('started', 'stopped')`;
const sealTable = `
CREATE TABLE seal(
  seq INTEGER NOT NULL, kind TEXT NOT NULL, body TEXT NOT NULL, sig BLOB NOT NULL, PRIMARY KEY(seq, kind)
) WITHOUT ROWID`;

/**
 * Tables of the log. Every column is also a member of `body`, which the hash covers; `verify` compares the two
 * (`measured.md` §4). What is indexed only ever grows at its right end, so that an append costs little; searching is done
 * in a file aside.
 */
export const logSchema = `
CREATE TABLE ev(
  seq INTEGER PRIMARY KEY,
  at TEXT NOT NULL, kind TEXT NOT NULL, call TEXT, agent TEXT, server TEXT, tool TEXT, decision TEXT, head INTEGER,
  body TEXT NOT NULL, hash BLOB NOT NULL
);
${headIndex};
${sealTable}`;

/** What makes a file of the next version. Bodies and hashes stay as they are: `verify` knows that old ones name no head. */
export const logUpgrades: Readonly<Record<number, string>> = {
  1: `
ALTER TABLE ev ADD COLUMN head INTEGER;
UPDATE ev SET head = (SELECT min(d.seq) FROM ev d WHERE d.call = ev.call AND d.kind = 'decided')
  WHERE kind IN ('answered', 'completed');
DROP INDEX ev_call; DROP INDEX ev_agent; DROP INDEX ev_server; DROP INDEX ev_at;
${headIndex};
${sealTable}`,
};

/** The columns that repeat members of the body, in table order. */
export const indexedColumns = ['seq', 'at', 'kind', 'call', 'agent', 'server', 'tool', 'decision', 'head'] as const;

/** Hash before the first event. */
export const genesisHash: Uint8Array = new Uint8Array(32);

const ofEvent = { seq: z.number().int(), at: instant };
const ofCall = { call: z.string(), agent: z.string(), server: z.string(), tool: z.string().optional() };

const decidedBody = z.object({
  ...ofEvent,
  ...ofCall,
  kind: z.literal('decided'),
  /** The decision's effect. */
  decision: z.enum(['allow', 'ask', 'deny']),
  rule: z.string(),
  reasons: z.array(z.string()),
  risk: z.number(),
  class: z.enum(toolClasses),
  receivedAt: instant,
  agentName: z.string(),
  agentSession: z.string(),
  method: z.string(),
  era: z.string(),
  digest: z.string(),
  pin: z.string().optional(),
  bytesIn: z.number().int(),
  /** JSON text of the arguments, secrets replaced; `argumentsCut` = bytes left out at its end. */
  argumentsText: z.string().optional(),
  argumentsCut: z.number().int().optional(),
  inputResponsesText: z.string().optional(),
  inputResponsesCut: z.number().int().optional(),
});

/** `seq` of the call's `decided` event; absent in what version 1 wrote. */
const ofHead = { head: z.number().int().optional() };

const answeredBody = z.object({
  ...ofEvent,
  ...ofCall,
  ...ofHead,
  kind: z.literal('answered'),
  /** The answer's outcome. */
  decision: z.enum(['allowed', 'denied', 'expired', 'pending', 'cancelled', 'paused']),
  by: z.string().optional(),
  after: z.number().optional(),
  reason: z.string().optional(),
  retryAfterMs: z.number().optional(),
});

const completedBody = z.object({
  ...ofEvent,
  ...ofCall,
  ...ofHead,
  kind: z.literal('completed'),
  /** The call's outcome. */
  decision: z.enum(outcomes),
  resultText: z.string().optional(),
  resultCut: z.number().int().optional(),
  error: z.string().optional(),
  ms: z.number().optional(),
  bytesOut: z.number().int(),
});

const noteBody = z.object({
  ...ofEvent,
  kind: z.enum(['app', 'server', 'tunnel', 'authority', 'started', 'stopped']),
  server: z.string().optional(),
  message: z.string(),
  by: z.string().optional(),
});

/** What the body of an event holds, by kind. */
export const eventBody = z.discriminatedUnion('kind', [decidedBody, answeredBody, completedBody, noteBody]);
/** See {@link eventBody}. */
export type EventBody = z.infer<typeof eventBody>;
/** The event that a row of the log begins with. */
export type DecidedBody = z.infer<typeof decidedBody>;
/** An event that is no call. */
export type NoteBody = z.infer<typeof noteBody>;

/** One stored event with its hash. */
export interface LogEvent {
  readonly body: EventBody;
  /** `sha256:<hex>`. */
  readonly hash: string;
}

/** The text that is stored and hashed: members sorted, `undefined` left out. The body is flat, so this is canonical. */
export function bodyText(body: EventBody): string {
  const members = Object.entries(body)
    .filter(([, value]) => value !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify(Object.fromEntries(members));
}

/** Hash of an event: SHA-256 over the hash before it and the body as stored. */
export function chainHash(before: Uint8Array, body: string): Uint8Array {
  return createHash('sha256').update(before).update(body, 'utf8').digest();
}

/** A hash as answers write it. */
export function hashText(hash: Uint8Array): string {
  return `sha256:${Buffer.from(hash).toString('hex')}`;
}
