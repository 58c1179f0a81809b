import type { DatabaseSync } from 'node:sqlite';
import * as z from 'zod';
import type { Clock } from '../../shared/clock.ts';
import { openOauthDatabase } from './oauth-database.ts';

/** One minted token as it is kept: never the token itself, only its SHA-256. Times are milliseconds since the epoch. */
export interface StoredToken {
  readonly id: string;
  readonly hash: Uint8Array;
  readonly server: string;
  /** Its only audience, byte for byte. */
  readonly resource: string;
  readonly name: string;
  readonly tools?: readonly string[];
  readonly createdAt: number;
  readonly expiresAt: number;
  readonly revokedAt?: number;
  readonly lastUsedAt?: number;
}

const row = z.object({
  id: z.string(),
  hash: z.instanceof(Uint8Array).refine((hash) => hash.length === 32),
  server: z.string(),
  resource: z.string(),
  name: z.string(),
  tools: z.string().nullable(),
  created_at: z.number(),
  expires_at: z.number(),
  revoked_at: z.number().nullable(),
  last_used_at: z.number().nullable(),
});
const toolNames = z.array(z.string());

/** `oauth.db`: tokens on disk. Every change is committed before it counts. */
export interface TokenStore {
  /** Where a damaged predecessor was put aside, if that happened at opening. */
  readonly keptAside?: string;
  all(): StoredToken[];
  insert(token: StoredToken): void;
  setTools(id: string, tools: readonly string[]): void;
  revoke(id: string, at: number): void;
  used(id: string, at: number): void;
  /** Removes what ended before `at`. */
  sweep(at: number): void;
  close(): void;
}

/**
 * Opens the file.
 * @throws SallyportError at hop `app`: `oauth_newer`, `oauth_unwritable`
 */
export function openTokenStore(path: string, clock: Clock): TokenStore {
  const { database, keptAside } = openOauthDatabase(path, clock);
  return { ...statements(database), ...(keptAside === undefined ? {} : { keptAside }) };
}

function statements(database: DatabaseSync): Omit<TokenStore, 'keptAside'> {
  const insert = database.prepare(
    `INSERT INTO token(id, hash, server, resource, name, tools, created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const setTools = database.prepare('UPDATE token SET tools = ? WHERE id = ?');
  const revoke = database.prepare('UPDATE token SET revoked_at = ? WHERE id = ?');
  const used = database.prepare('UPDATE token SET last_used_at = ? WHERE id = ?');
  const sweep = database.prepare('DELETE FROM token WHERE expires_at < ? OR revoked_at < ?');
  return {
    all: () => z.array(row).parse(database.prepare('SELECT * FROM token ORDER BY created_at, id').all()).map(fromRow),
    insert(token) {
      const { id, hash, server, resource, name, tools, createdAt, expiresAt } = token;
      insert.run(id, hash, server, resource, name, tools ? JSON.stringify(tools) : null, createdAt, expiresAt);
    },
    setTools: (id, tools) => void setTools.run(JSON.stringify(tools), id),
    revoke: (id, at) => void revoke.run(at, id),
    used: (id, at) => void used.run(at, id),
    sweep: (at) => void sweep.run(at, at),
    close: () => database.close(),
  };
}

function fromRow(stored: z.infer<typeof row>): StoredToken {
  return {
    id: stored.id,
    hash: stored.hash,
    server: stored.server,
    resource: stored.resource,
    name: stored.name,
    createdAt: stored.created_at,
    expiresAt: stored.expires_at,
    ...(stored.tools === null ? {} : { tools: toolNames.parse(JSON.parse(stored.tools)) }),
    ...(stored.revoked_at === null ? {} : { revokedAt: stored.revoked_at }),
    ...(stored.last_used_at === null ? {} : { lastUsedAt: stored.last_used_at }),
  };
}
