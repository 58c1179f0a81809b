import { createHash } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import * as z from 'zod';
import type { Clock } from '../../shared/clock.ts';

/** The models that outlive the process. Codes, interactions and browser sessions do not: they live in its memory. */
export const storedModels = ['AccessToken', 'RefreshToken', 'Grant'] as const;
/** See {@link storedModels}. */
export type StoredModel = (typeof storedModels)[number];

/** What the authorization server keeps of one artefact, `jti` put back in. */
export type Payload = Record<string, unknown>;

/** An access token as the resource server finds it. */
export interface AccessTokenRow {
  readonly grantId: string;
  readonly audience: string | undefined;
  readonly expiresAt: number;
}

/** A refresh token that was just rotated may be used once more within this time (its answer may have been lost). */
export const lostAnswerMs = 60_000;

const row = z.object({
  hash: z.instanceof(Uint8Array),
  grant_id: z.string().nullable(),
  parent: z.instanceof(Uint8Array).nullable(),
  payload: z.string(),
  created_at: z.number(),
  expires_at: z.number(),
  consumed_at: z.number().nullable(),
  reused_at: z.number().nullable(),
  used_at: z.number().nullable(),
});
const payloadSchema = z.record(z.string(), z.unknown());

/**
 * Tokens and grants of the authorization server in `oauth.db`. The values themselves are nowhere on the disk: rows go by
 * their SHA-256, and the copy in the payload is left out.
 */
export interface ArtefactStore {
  upsert(model: StoredModel, id: string, payload: Payload, expiresInSeconds: number): void;
  /** The payload; `consumed` is in it unless this is a rotated refresh token that may be used once more. */
  find(model: StoredModel, id: string): Payload | undefined;
  /** Marks as used up; for a refresh token its siblings too. */
  consume(model: StoredModel, id: string): void;
  destroy(model: StoredModel, id: string): void;
  revokeByGrantId(grantId: string, model?: StoredModel): void;
  accessToken(value: string): AccessTokenRow | undefined;
  /** Notes that an access token opened something, once. */
  accessTokenUsed(value: string): void;
  sweep(): void;
}

/** Makes it over an open database. */
export function createArtefactStore(database: DatabaseSync, clock: Clock): ArtefactStore {
  const select = database.prepare('SELECT * FROM artefact WHERE model = ? AND hash = ?');
  const insert = database.prepare(
    `INSERT INTO artefact(model, hash, grant_id, parent, payload, created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT(model, hash) DO UPDATE SET payload = excluded.payload, expires_at = excluded.expires_at`,
  );
  const remove = database.prepare('DELETE FROM artefact WHERE model = ? AND hash = ?');
  const removeOfGrant = database.prepare('DELETE FROM artefact WHERE grant_id = ? AND (?2 IS NULL OR model = ?2)');
  const consumeOne = database.prepare(
    `UPDATE artefact SET reused_at = CASE WHEN consumed_at IS NULL THEN reused_at ELSE ?1 END,
       consumed_at = coalesce(consumed_at, ?1) WHERE model = ?2 AND hash = ?3`,
  );
  // A sibling comes from the same token, whose answer was lost: from now on only one line of descent is good. It is
  // marked as reused too, so that using it ends the family instead of opening a third line.
  const consumeSiblings = database.prepare(
    `UPDATE artefact SET consumed_at = ?1, reused_at = ?1
     WHERE model = 'RefreshToken' AND parent = ?2 AND hash <> ?3 AND consumed_at IS NULL`,
  );
  const usedSince = database.prepare(
    `SELECT count(*) AS n FROM artefact WHERE grant_id = ?1 AND created_at >= ?2 AND hash <> ?3
       AND ((model = 'RefreshToken' AND consumed_at IS NOT NULL) OR (model = 'AccessToken' AND used_at IS NOT NULL))`,
  );
  const markUsed = database.prepare(
    `UPDATE artefact SET used_at = ? WHERE model = 'AccessToken' AND hash = ? AND used_at IS NULL`,
  );
  const clean = database.prepare('DELETE FROM artefact WHERE expires_at < ?');
  /** The refresh token that was rotated last, by grant: the parent of the one that is made next. */
  const rotated = new Map<string, Uint8Array>();

  const read = (model: StoredModel, id: string) => {
    const found = select.get(model, digest(id));
    return found === undefined ? undefined : row.parse(found);
  };
  const mayBeUsedAgain = (token: z.infer<typeof row>): boolean => {
    if (token.consumed_at === null || token.reused_at !== null || token.grant_id === null) return false;
    if (clock.now() - token.consumed_at > lostAnswerMs || clock.now() < token.consumed_at) return false;
    return Number(usedSince.get(token.grant_id, token.consumed_at, token.hash)?.n) === 0;
  };

  return {
    upsert(model, id, payload, expiresInSeconds) {
      const { jti: _value, ...kept } = payload;
      const grantId = model === 'Grant' ? id : typeof payload.grantId === 'string' ? payload.grantId : null;
      const parent = model === 'RefreshToken' && grantId !== null ? (rotated.get(grantId) ?? null) : null;
      const now = clock.now();
      insert.run(model, digest(id), grantId, parent, JSON.stringify(kept), now, now + expiresInSeconds * 1_000);
      if (grantId !== null) rotated.delete(grantId);
    },
    find(model, id) {
      const found = read(model, id);
      if (!found || found.expires_at <= clock.now()) return undefined;
      const payload: Payload = { ...payloadSchema.parse(JSON.parse(found.payload)), jti: id };
      if (found.consumed_at !== null && !(model === 'RefreshToken' && mayBeUsedAgain(found))) {
        payload.consumed = Math.floor(found.consumed_at / 1_000);
      }
      return payload;
    },
    consume(model, id) {
      const found = read(model, id);
      if (!found) return;
      consumeOne.run(clock.now(), model, found.hash);
      if (model !== 'RefreshToken') return;
      if (found.grant_id !== null) rotated.set(found.grant_id, found.hash);
      if (found.parent !== null) consumeSiblings.run(clock.now(), found.parent, found.hash);
    },
    destroy: (model, id) => void remove.run(model, digest(id)),
    revokeByGrantId(grantId, model) {
      removeOfGrant.run(grantId, model ?? null);
      rotated.delete(grantId);
    },
    accessToken(value) {
      const found = read('AccessToken', value);
      if (!found || found.grant_id === null) return undefined;
      const { aud } = payloadSchema.parse(JSON.parse(found.payload));
      return {
        grantId: found.grant_id,
        audience: typeof aud === 'string' ? aud : undefined,
        expiresAt: found.expires_at,
      };
    },
    accessTokenUsed: (value) => void markUsed.run(clock.now(), digest(value)),
    sweep: () => void clean.run(clock.now()),
  };
}

function digest(value: string): Uint8Array {
  return createHash('sha256').update(value, 'utf8').digest();
}
