import type { Clock } from '../../shared/clock.ts';
import { type DatabaseFile, openDatabaseFile } from '../state/database-file.ts';

const tokens = `
CREATE TABLE token(
  id TEXT PRIMARY KEY, hash BLOB NOT NULL UNIQUE, server TEXT NOT NULL, resource TEXT NOT NULL, name TEXT NOT NULL,
  tools TEXT, created_at INTEGER NOT NULL, expires_at INTEGER NOT NULL, revoked_at INTEGER, last_used_at INTEGER
)`;
/**
 * `access_grant`: what a person allowed. `artefact`: what the authorization server made for it, by the SHA-256 of its value.
 * `client`: registered clients and cached client metadata documents. Times are milliseconds since the epoch.
 */
const authorization = `
CREATE TABLE access_grant(
  id TEXT PRIMARY KEY, agent TEXT NOT NULL, client_id TEXT NOT NULL, name TEXT NOT NULL, verified INTEGER NOT NULL,
  server TEXT NOT NULL, resource TEXT NOT NULL, scope TEXT NOT NULL, created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL, activated_at INTEGER, revoked_at INTEGER, last_used_at INTEGER
);
CREATE TABLE artefact(
  model TEXT NOT NULL, hash BLOB NOT NULL, grant_id TEXT, parent BLOB, payload TEXT NOT NULL,
  created_at INTEGER NOT NULL, expires_at INTEGER NOT NULL, consumed_at INTEGER, reused_at INTEGER, used_at INTEGER,
  PRIMARY KEY(model, hash)
) WITHOUT ROWID;
CREATE INDEX artefact_grant ON artefact(grant_id);
CREATE TABLE client(
  id TEXT PRIMARY KEY, kind TEXT NOT NULL, fingerprint TEXT, metadata TEXT NOT NULL, created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL
);
CREATE TABLE blocked_agent(agent TEXT PRIMARY KEY, name TEXT NOT NULL, at INTEGER NOT NULL)`;

/** What a person calls an agent. */
const names = 'CREATE TABLE agent_name(agent TEXT PRIMARY KEY, name TEXT NOT NULL)';

/**
 * Opens `oauth.db`.
 * @throws SallyportError at hop `app`: `oauth_newer`, `oauth_unwritable`
 */
export function openOauthDatabase(path: string, clock: Clock): DatabaseFile {
  const schema = `${tokens};${authorization};${names}`;
  const upgrades = { 1: authorization, 2: names };
  return openDatabaseFile({ path, name: 'oauth', schemaVersion: 3, schema, upgrades, clock });
}
