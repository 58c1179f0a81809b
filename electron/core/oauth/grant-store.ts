import type { DatabaseSync } from 'node:sqlite';
import * as z from 'zod';

/** What a person allowed one client on one shared server. Times are milliseconds since the epoch. */
export interface AccessGrant {
  /** The authorization server's identifier of the grant. */
  readonly id: string;
  readonly agent: string;
  readonly clientId: string;
  readonly name: string;
  readonly verified: boolean;
  readonly server: string;
  /** Its only audience, byte for byte. */
  readonly resource: string;
  /** Authority as a scope string; judged from here, not from the token, so that it can change under a token. */
  readonly scope: string;
  readonly createdAt: number;
  readonly expiresAt: number;
  /** When the first token was made; before that nobody holds anything. */
  readonly activatedAt?: number;
  readonly revokedAt?: number;
  readonly lastUsedAt?: number;
}

const row = z.object({
  id: z.string(),
  agent: z.string(),
  client_id: z.string(),
  name: z.string(),
  verified: z.number(),
  server: z.string(),
  resource: z.string(),
  scope: z.string(),
  created_at: z.number(),
  expires_at: z.number(),
  activated_at: z.number().nullable(),
  revoked_at: z.number().nullable(),
  last_used_at: z.number().nullable(),
});

/** Grants in `oauth.db`. Every change is committed before it counts. */
export interface GrantStore {
  get(id: string): AccessGrant | undefined;
  all(): AccessGrant[];
  insert(grant: AccessGrant): void;
  activate(id: string, at: number): void;
  setScope(id: string, scope: string): void;
  revoke(id: string, at: number): void;
  used(id: string, at: number): void;
  /** Removes what ended before `at`, and what was never used to make a token and is older than that. */
  sweep(at: number): void;
}

/** Makes it over an open database. */
export function createGrantStore(database: DatabaseSync): GrantStore {
  const one = database.prepare('SELECT * FROM access_grant WHERE id = ?');
  const insert = database.prepare(
    `INSERT INTO access_grant(id, agent, client_id, name, verified, server, resource, scope, created_at, expires_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const activate = database.prepare('UPDATE access_grant SET activated_at = ? WHERE id = ? AND activated_at IS NULL');
  const setScope = database.prepare('UPDATE access_grant SET scope = ? WHERE id = ?');
  const revoke = database.prepare('UPDATE access_grant SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL');
  const used = database.prepare('UPDATE access_grant SET last_used_at = ? WHERE id = ?');
  const sweep = database.prepare(
    'DELETE FROM access_grant WHERE expires_at < ?1 OR revoked_at < ?1 OR (activated_at IS NULL AND created_at < ?1)',
  );
  return {
    get(id) {
      const found = one.get(id);
      return found === undefined ? undefined : fromRow(row.parse(found));
    },
    all: () =>
      z.array(row).parse(database.prepare('SELECT * FROM access_grant ORDER BY created_at, id').all()).map(fromRow),
    insert(grant) {
      const { id, agent, clientId, name, verified, server, resource, scope, createdAt, expiresAt } = grant;
      insert.run(id, agent, clientId, name, verified ? 1 : 0, server, resource, scope, createdAt, expiresAt);
    },
    activate: (id, at) => void activate.run(at, id),
    setScope: (id, scope) => void setScope.run(scope, id),
    revoke: (id, at) => void revoke.run(at, id),
    used: (id, at) => void used.run(at, id),
    sweep: (at) => void sweep.run(at),
  };
}

function fromRow(stored: z.infer<typeof row>): AccessGrant {
  return {
    id: stored.id,
    agent: stored.agent,
    clientId: stored.client_id,
    name: stored.name,
    verified: stored.verified === 1,
    server: stored.server,
    resource: stored.resource,
    scope: stored.scope,
    createdAt: stored.created_at,
    expiresAt: stored.expires_at,
    ...(stored.activated_at === null ? {} : { activatedAt: stored.activated_at }),
    ...(stored.revoked_at === null ? {} : { revokedAt: stored.revoked_at }),
    ...(stored.last_used_at === null ? {} : { lastUsedAt: stored.last_used_at }),
  };
}
