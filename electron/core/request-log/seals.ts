import { createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import * as z from 'zod';
import { instant } from '../../shared/views.ts';

/**
 * A signed statement on the chain (`security.md` S18). `checkpoint` says what the entry `seq` hashed to. `removed` says that
 * retention took away every entry up to `seq`, so that what follows still verifies: the next one chains on this hash.
 */
const sealBody = z.object({
  kind: z.enum(['checkpoint', 'removed']),
  seq: z.number().int().positive(),
  /** Hash of that entry, hexadecimal. */
  hash: z.string().regex(/^[0-9a-f]{64}$/),
  /** When it was signed. */
  at: instant,
  /** How many entries are gone in all, and when the newest of them was written; for `removed`. */
  entries: z.number().int().optional(),
  upTo: instant.optional(),
  /** Public key that signed it: SPKI, base64. */
  key: z.string(),
});
/** See {@link sealBody}. */
export type SealBody = z.infer<typeof sealBody>;
/** What is stated, before it is signed. */
export type Statement = Omit<SealBody, 'key'>;

/** One seal as stored. `body` is undefined where it cannot be read. */
export interface StoredSeal {
  readonly seq: number;
  readonly body: SealBody | undefined;
  /** Whether the key that the body names signed it. */
  readonly signed: boolean;
}

const context = 'sallyport request log\n';

/** A key as seals name it. */
export function keyText(key: KeyObject): string {
  const spki = (key.type === 'public' ? key : createPublicKey(key)).export({ type: 'spki', format: 'der' });
  return spki.toString('base64');
}

/** Signs a statement (ECDSA P-256, SHA-256, IEEE P1363) and stores it. @throws what SQLite throws */
export function storeSeal(database: DatabaseSync, statement: Statement, privateKey: KeyObject): void {
  const body = JSON.stringify(sealBody.parse({ ...statement, key: keyText(privateKey) }));
  const signature = sign('sha256', Buffer.from(context + body), { key: privateKey, dsaEncoding: 'ieee-p1363' });
  database
    .prepare('INSERT OR REPLACE INTO seal(seq, kind, body, sig) VALUES (?, ?, ?, ?)')
    .run(statement.seq, statement.kind, body, signature);
}

/** What retention took away last, as its seal says; the signature is for `verify` to check. */
export function removedSeal(database: DatabaseSync): SealBody | undefined {
  if (!hasSeals(database)) return undefined;
  return parseBody(
    database.prepare("SELECT body FROM seal WHERE kind = 'removed' ORDER BY seq DESC LIMIT 1").get()?.body,
  );
}

/** The checkpoints between two entries, both exclusive, oldest first; their signatures are for `verify` to check. */
export function checkpointsBetween(database: DatabaseSync, after: number, before: number): SealBody[] {
  return database
    .prepare("SELECT body FROM seal WHERE kind = 'checkpoint' AND seq > ? AND seq < ? ORDER BY seq")
    .all(after, before)
    .flatMap(({ body }) => parseBody(body) ?? []);
}

/** Every seal of a log, in order, its signature checked; none in a file of version 1. */
export function readSeals(database: DatabaseSync): StoredSeal[] {
  if (!hasSeals(database)) return [];
  return database
    .prepare('SELECT seq, kind, body, sig FROM seal ORDER BY seq, kind')
    .all()
    .map((row) => {
      const seq = Number(row.seq);
      const body = parseBody(row.body);
      if (!body || body.seq !== seq || body.kind !== row.kind || !(row.sig instanceof Uint8Array)) {
        return { seq, body: undefined, signed: false };
      }
      return { seq, body, signed: isSigned(String(row.body), row.sig, body.key) };
    });
}

function hasSeals(database: DatabaseSync): boolean {
  return database.prepare("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'seal'").get() !== undefined;
}

function parseBody(text: unknown): SealBody | undefined {
  try {
    return sealBody.safeParse(JSON.parse(String(text))).data;
  } catch {
    return undefined;
  }
}

function isSigned(body: string, signature: Uint8Array, key: string): boolean {
  try {
    const publicKey = createPublicKey({ key: Buffer.from(key, 'base64'), format: 'der', type: 'spki' });
    return verify('sha256', Buffer.from(context + body), { key: publicKey, dsaEncoding: 'ieee-p1363' }, signature);
  } catch {
    return false;
  }
}
