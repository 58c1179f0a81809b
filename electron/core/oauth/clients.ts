import { createHash, randomBytes } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import * as z from 'zod';
import type { Clock } from '../../shared/clock.ts';
import { SallyportError } from '../../shared/errors.ts';
import { type ClientMetadata, isLoopback, MetadataProblem, readMetadata, storedMetadata } from './client-metadata.ts';
import type { FetchedDocument, GuardedFetch } from './guarded-fetch.ts';
import { knownClients } from './known-clients.ts';

/** What {@link createClients} needs. */
export interface ClientsDeps {
  readonly database: DatabaseSync;
  readonly clock: Clock;
  readonly fetchDocument: GuardedFetch;
  /** Whether a client holds a live grant: its record stays, and its document may be fetched again. */
  readonly hasGrant: (clientId: string) => boolean;
  /** Whether strangers are heard now (*Let an agent in*). Outside that time nothing is fetched or registered. */
  readonly doorOpen: () => boolean;
}

/** Clients of the authorization server: built in, registered (RFC 7591), or described by a document at their own URL. */
export interface Clients {
  /** @throws SallyportError, MetadataProblem where a metadata document cannot be used */
  find(id: string): Promise<ClientMetadata | undefined>;
  /** Without fetching anything. */
  peek(id: string): ClientMetadata | undefined;
  /**
   * Registers a client; the same name with the same redirects is the same client again.
   * @throws MetadataProblem; SallyportError `door_closed`, `too_many_clients`
   */
  register(body: unknown): ClientMetadata;
}

/** Registered clients without a grant that may exist at once. */
const maxRegistered = 50;
const unusedRegistrationMs = 86_400_000;
const documentMs = { min: 60_000, max: 86_400_000, usual: 3_600_000 };
/** A document that could not be used is not asked for again this soon. */
const failedDocumentMs = 30_000;

const row = z.object({
  id: z.string(),
  metadata: z.string(),
  expires_at: z.number(),
});

/** Makes them. */
export function createClients(deps: ClientsDeps): Clients {
  const { database, clock, hasGrant } = deps;
  const byId = database.prepare('SELECT id, metadata, expires_at FROM client WHERE id = ?');
  const byFingerprint = database.prepare(
    `SELECT id, metadata, expires_at FROM client WHERE kind = 'registered' AND fingerprint = ?`,
  );
  const registered = database.prepare(`SELECT id, metadata, expires_at FROM client WHERE kind = 'registered'`);
  const remove = database.prepare('DELETE FROM client WHERE id = ?');
  const upsert = database.prepare(
    `INSERT INTO client(id, kind, fingerprint, metadata, created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?)
     ON CONFLICT(id) DO UPDATE SET metadata = excluded.metadata, expires_at = excluded.expires_at`,
  );
  const fetching = new Map<string, Promise<ClientMetadata>>();
  const failed = new Map<string, { until: number; error: unknown }>();

  const keep = (client: ClientMetadata, kind: 'registered' | 'document', forMs: number, fingerprint?: string): void => {
    const now = clock.now();
    upsert.run(client.client_id, kind, fingerprint ?? null, JSON.stringify(client), now, now + forMs);
  };
  const stored = (found: unknown) => {
    if (found === undefined) return undefined;
    const { metadata, expires_at } = row.parse(found);
    return { client: storedMetadata.parse(JSON.parse(metadata)), fresh: expires_at > clock.now() };
  };
  const known = (id: string): ClientMetadata | undefined =>
    knownClients.find((one) => one.metadata.client_id === id)?.metadata;

  const fetchClient = async (id: string): Promise<ClientMetadata> => {
    const document = await deps.fetchDocument(id);
    const client = readDocument(id, document);
    keep(client, 'document', cacheTime(document));
    return client;
  };
  const document = async (id: string): Promise<ClientMetadata | undefined> => {
    const cached = stored(byId.get(id));
    if (cached?.fresh) return cached.client;
    const granted = hasGrant(id);
    if (!granted && !deps.doorOpen()) return cached?.client;
    const before = failed.get(id);
    if (before && before.until > clock.monotonic()) {
      if (cached && granted) return cached.client;
      throw before.error;
    }
    let running = fetching.get(id);
    if (!running) {
      running = fetchClient(id).finally(() => fetching.delete(id));
      fetching.set(id, running);
    }
    try {
      return await running;
    } catch (error) {
      if (failed.size >= 100) failed.clear();
      failed.set(id, { until: clock.monotonic() + failedDocumentMs, error });
      // An agent that was let in is not logged out because its own site is away for a moment.
      if (cached && granted) return cached.client;
      throw error;
    }
  };
  const registration = (id: string): ClientMetadata | undefined => {
    const found = stored(byId.get(id));
    return found && (found.fresh || hasGrant(id)) ? found.client : undefined;
  };

  return {
    async find(id) {
      const builtIn = known(id);
      if (builtIn) return builtIn;
      return isDocumentUrl(id) ? await document(id) : registration(id);
    },
    peek: (id) => known(id) ?? (isDocumentUrl(id) ? stored(byId.get(id))?.client : registration(id)),
    register(body) {
      const id = `dcr_${randomBytes(16).toString('base64url')}`;
      const client = readMetadata(id, body);
      const fingerprint = fingerprintOf(client);
      const same = stored(byFingerprint.get(fingerprint));
      const open = deps.doorOpen();
      if (same && (same.fresh || hasGrant(same.client.client_id))) {
        if (open) keep(same.client, 'registered', unusedRegistrationMs, fingerprint);
        return same.client;
      }
      if (!open) {
        throw new SallyportError('door_closed', 'oauth', 'New agents are not let in at the moment.', {
          hint: 'On the machine that shares this server, open Sallyport, choose “Let an agent in”, then connect again.',
        });
      }
      const others = z.array(row).parse(registered.all());
      for (const one of others) {
        if (one.expires_at <= clock.now() && !hasGrant(one.id)) remove.run(one.id);
      }
      if (others.filter((one) => one.expires_at > clock.now() && !hasGrant(one.id)).length >= maxRegistered) {
        throw new SallyportError('too_many_clients', 'oauth', 'Too many clients have registered without being let in.');
      }
      keep(client, 'registered', unusedRegistrationMs, fingerprint);
      return client;
    },
  };
}

/** Whether a client id is the URL of a metadata document (draft-ietf-oauth-client-id-metadata-document §3). */
export function isDocumentUrl(id: string): boolean {
  if (!id.startsWith('https://') || id.length > 2_000 || id.includes('#')) return false;
  const url = URL.parse(id);
  return (
    url !== null && url.pathname !== '/' && url.username === '' && url.password === '' && !/\/\.{1,2}(\/|$)/.test(id)
  );
}

function readDocument(id: string, document: FetchedDocument): ClientMetadata {
  if (document.status !== 200)
    throw new MetadataProblem('invalid_client_metadata', `The document answered ${document.status}.`);
  let value: unknown;
  try {
    value = JSON.parse(document.body);
  } catch {
    throw new MetadataProblem('invalid_client_metadata', 'The document is not JSON.');
  }
  const named = z.object({ client_id: z.literal(id), client_name: z.string().min(1) }).safeParse(value);
  if (!named.success) {
    throw new MetadataProblem('invalid_client_metadata', 'The document does not name its own address as client_id.');
  }
  return readMetadata(id, value);
}

function cacheTime(document: FetchedDocument): number {
  const control = document.headers['cache-control'] ?? '';
  if (/no-(?:store|cache)/.test(control)) return documentMs.min;
  const seconds = /max-age=([0-9]{1,9})/.exec(control)?.[1];
  const wanted = seconds === undefined ? documentMs.usual : Number(seconds) * 1_000;
  return Math.min(documentMs.max, Math.max(documentMs.min, wanted));
}

/** What makes two registrations the same: name and redirects, loopback ports left out since they are free. */
function fingerprintOf(client: ClientMetadata): string {
  const uris = client.redirect_uris.map((uri) => {
    if (!isLoopback(uri)) return uri;
    const url = new URL(uri);
    url.port = '';
    return url.href;
  });
  return createHash('sha256')
    .update(JSON.stringify([client.client_name, [...new Set(uris)].sort()]))
    .digest('base64url');
}
