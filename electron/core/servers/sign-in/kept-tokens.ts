import type { FetchLike } from '@modelcontextprotocol/client';
import { discoverAuthorizationServerMetadata, OAuthError, refreshAuthorization } from '@modelcontextprotocol/client';
import type { Clock } from '../../../shared/clock.ts';
import type { Secrets } from '../../secrets/secrets.ts';
import { signInSecret } from '../server-registry.ts';
import type { ServerRecord } from '../servers.ts';
import { readSignIn, type StoredSignIn } from './stored-sign-in.ts';

/** Sallyport's own tokens at upstreams: in secrets, and in memory while they are used. */
export interface KeptTokens {
  /** Those for this server at this address. */
  read(record: ServerRecord): Promise<StoredSignIn | undefined>;
  keep(slug: string, next: StoredSignIn): Promise<void>;
  drop(slug: string): Promise<void>;
  /**
   * New tokens for old; several that need them at once get the same. Undefined where the authorization server says no:
   * then the old ones are gone, and only a person can help.
   * @throws what `fetch` throws where it cannot be asked
   */
  renew(record: ServerRecord, old: StoredSignIn): Promise<StoredSignIn | undefined>;
  /** Gives them back (RFC 7009), as far as the authorization server takes them. */
  revoke(record: ServerRecord, old: StoredSignIn): Promise<void>;
}

/** Makes it. @param deps.fetchFor the guarded fetch for one server's sign-in */
export function createKeptTokens(deps: {
  readonly secrets: Pick<Secrets, 'get' | 'set' | 'delete'>;
  readonly clock: Clock;
  readonly fetchFor: (record: ServerRecord) => FetchLike;
}): KeptTokens {
  const { secrets, clock } = deps;
  const stored = new Map<string, StoredSignIn>();
  const renewing = new Map<string, Promise<StoredSignIn | undefined>>();

  const keep = async (slug: string, next: StoredSignIn): Promise<void> => {
    stored.set(slug, next);
    await secrets.set(signInSecret(slug), JSON.stringify(next));
  };
  const drop = async (slug: string): Promise<void> => {
    stored.delete(slug);
    await secrets.delete(signInSecret(slug));
  };
  const renewNow = async (record: ServerRecord, old: StoredSignIn): Promise<StoredSignIn | undefined> => {
    if (old.refreshToken === undefined) return undefined;
    const fetchFn = deps.fetchFor(record);
    try {
      const metadata = await discoverAuthorizationServerMetadata(old.authorizationServer, { fetchFn });
      if (metadata && metadata.issuer !== old.issuer) return undefined;
      const tokens = await refreshAuthorization(old.authorizationServer, {
        ...(metadata ? { metadata } : {}),
        clientInformation: old.client,
        refreshToken: old.refreshToken,
        ...(old.resource === undefined ? {} : { resource: old.resource }),
        fetchFn,
      });
      // Signed in anew, or forgotten, while this was under way: that counts.
      if (stored.get(record.slug) !== old) return stored.get(record.slug);
      const { expiresAt: _, ...rest } = old;
      const next: StoredSignIn = {
        ...rest,
        accessToken: tokens.access_token,
        refreshToken: tokens.refresh_token ?? old.refreshToken,
        ...(tokens.expires_in === undefined ? {} : { expiresAt: clock.now() + tokens.expires_in * 1_000 }),
      };
      await keep(record.slug, next);
      return next;
    } catch (thrown) {
      if (!(thrown instanceof OAuthError)) throw thrown;
      // Revoked, used twice, or the client is unknown.
      if (stored.get(record.slug) === old) await drop(record.slug);
      return undefined;
    }
  };

  return {
    async read(record) {
      if (record.target.kind !== 'http') return undefined;
      const { slug, target } = record;
      const known = stored.get(slug);
      if (known?.url === target.url) return known;
      const found = await readSignIn(secrets, slug, target.url);
      if (found) stored.set(slug, found);
      return found;
    },
    keep,
    drop,
    renew(record, old) {
      const running = renewing.get(record.slug);
      if (running !== undefined) return running;
      const begun = renewNow(record, old).finally(() => renewing.delete(record.slug));
      renewing.set(record.slug, begun);
      return begun;
    },
    async revoke(record, old) {
      const fetchFn = deps.fetchFor(record);
      const metadata = await discoverAuthorizationServerMetadata(old.authorizationServer, { fetchFn });
      const endpoint = metadata && 'revocation_endpoint' in metadata ? metadata.revocation_endpoint : undefined;
      if (typeof endpoint !== 'string' || metadata?.issuer !== old.issuer) return;
      for (const token of [old.refreshToken, old.accessToken]) {
        if (token === undefined) continue;
        await fetchFn(endpoint, {
          method: 'POST',
          headers: { 'content-type': 'application/x-www-form-urlencoded' },
          body: new URLSearchParams({ token, client_id: old.client.client_id }),
        });
      }
    },
  };
}
