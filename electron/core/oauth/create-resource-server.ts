import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { basename } from 'node:path';
import type { Clock } from '../../shared/clock.ts';
import { SallyportError } from '../../shared/errors.ts';
import { invalidToken, malformedHeader, missingToken, scopeOf } from './bearer-challenge.ts';
import { grantNotFound, nothingLeft } from './grants.ts';
import type { ResourceServer } from './resource-server.ts';
import { allShared, narrowed, readScope, type ScopedTool, toolsOf } from './scopes.ts';
import { openTokenStore, type StoredToken } from './token-store.ts';

/** What {@link createResourceServer} needs. */
export interface ResourceServerDeps {
  /** `<data>/oauth.db`. */
  readonly path: string;
  readonly clock: Clock;
  /** The exposed tools of a shared server, for narrowing to its reads. */
  readonly tools?: (slug: string) => readonly ScopedTool[];
  /** Told when a damaged file was put aside (all tokens are gone then) or a use could not be noted; must not throw. */
  readonly onTrouble?: (error: SallyportError) => void;
}

/** Minted tokens, as a resource server of their own. */
export interface MintedTokens extends ResourceServer {
  /** Narrows a token. @returns undefined if there is no such token. @throws SallyportError `scope_wider` at hop `oauth` */
  narrow(id: string, choice: 'reads' | readonly string[]): string | undefined;
}

/** Tokens that exist at once; checking compares with each of them. */
const maxTokens = 1_000;
/** An ended token is shown this long, so that people see why an agent is refused. */
const keepEndedMs = 7 * 86_400_000;
/** The last use is written at most this often. */
const useNoteMs = 60_000;
const maxHeader = 4_096;

/**
 * Opens the tokens.
 * @throws SallyportError at hop `app`: `oauth_newer` (the file is left alone), `oauth_unwritable`
 */
export function createResourceServer(deps: ResourceServerDeps): MintedTokens {
  const { clock } = deps;
  const store = openTokenStore(deps.path, clock);
  store.sweep(clock.now() - keepEndedMs);
  const tokens = new Map<string, StoredToken>(store.all().map((token) => [token.id, token]));
  const revoked = new Set<(grantId: string) => void>();
  const changed = new Set<() => void>();
  if (store.keptAside !== undefined) {
    deps.onTrouble?.(
      new SallyportError(
        'oauth_damaged',
        'app',
        `The tokens were damaged and kept aside as ${basename(store.keptAside)}.`,
        {
          hint: 'Every agent needs a new token.',
        },
      ),
    );
  }

  const tellChanged = (): void => {
    for (const listener of [...changed]) listener();
  };
  const matching = (secret: string): StoredToken | undefined => {
    const hash = sha256(secret);
    let match: StoredToken | undefined;
    // Every token is compared, whole, whether or not one matched: the time taken tells nothing.
    for (const token of tokens.values()) if (timingSafeEqual(token.hash, hash)) match = token;
    return match;
  };
  const noteUse = (token: StoredToken): void => {
    const now = clock.now();
    if (token.lastUsedAt !== undefined && Math.abs(now - token.lastUsedAt) < useNoteMs) return;
    tokens.set(token.id, { ...token, lastUsedAt: now });
    try {
      store.used(token.id, now);
    } catch (error) {
      // Not a reason to refuse a valid token.
      const why = error instanceof Error ? error.message : String(error);
      deps.onTrouble?.(new SallyportError('oauth_unwritable', 'app', `A token's last use was not noted: ${why}.`));
    }
    tellChanged();
  };
  const end = (ending: readonly StoredToken[]): void => {
    const now = clock.now();
    for (const token of ending) {
      // In memory first: from here on it opens nothing, also if the disk refuses.
      tokens.set(token.id, { ...token, revokedAt: now });
    }
    try {
      for (const token of ending) store.revoke(token.id, now);
    } finally {
      for (const token of ending) for (const listener of [...revoked]) listener(token.id);
      if (ending.length > 0) tellChanged();
    }
  };
  const live = (): StoredToken[] => [...tokens.values()].filter((token) => token.revokedAt === undefined);

  return {
    authenticate(header, resource) {
      if (header === undefined || header === '') return missingToken(resource);
      if (header.length > maxHeader) return malformedHeader(resource);
      const [scheme = '', ...rest] = header.split(' ');
      if (scheme.toLowerCase() !== 'bearer') return missingToken(resource);
      const secret = rest.join(' ').trim();
      // token68 of RFC 6750 §2.1.
      if (!/^[A-Za-z0-9._~+/-]+=*$/.test(secret)) return malformedHeader(resource);
      const token = matching(secret);
      if (token === undefined) return invalidToken(resource, 'bad_token');
      if (token.revokedAt !== undefined) return invalidToken(resource, 'revoked');
      if (token.expiresAt <= clock.now()) return invalidToken(resource, 'expired');
      if (!timingSafeEqual(sha256(token.resource), sha256(resource))) return invalidToken(resource, 'wrong_audience');
      noteUse(token);
      return {
        agent: { id: agentId(token), name: token.name },
        grantId: token.id,
        expiresAt: token.expiresAt,
        ...(token.tools ? { tools: token.tools } : {}),
      };
    },
    mint(options) {
      const now = clock.now();
      store.sweep(now - keepEndedMs);
      for (const token of tokens.values()) {
        if (Math.min(token.expiresAt, token.revokedAt ?? token.expiresAt) < now - keepEndedMs) tokens.delete(token.id);
      }
      if (tokens.size >= maxTokens) {
        throw new SallyportError('too_many_tokens', 'oauth', `There are ${maxTokens} tokens, which is the limit.`, {
          hint: 'Revoke those that nobody uses: sallyport agents list',
        });
      }
      const secret = `sp_${randomBytes(32).toString('base64url')}`;
      const token: StoredToken = {
        id: randomBytes(6).toString('hex'),
        hash: sha256(secret),
        server: options.server,
        resource: options.resource,
        name: options.name,
        createdAt: now,
        expiresAt: now + options.ttlMs,
        ...(options.tools ? { tools: [...options.tools] } : {}),
      };
      store.insert(token);
      tokens.set(token.id, token);
      tellChanged();
      return {
        id: token.id,
        token: secret,
        scope: scopeOf(token.tools),
        expiresAt: new Date(token.expiresAt).toISOString(),
      };
    },
    widen: () => false,
    narrow(id, choice) {
      const token = live().find((one) => one.id === id);
      if (!token) return undefined;
      const tools = deps.tools?.(token.server) ?? [];
      // A token stays for the tools that it names: those that read, as they are now.
      const kept = toolsOf(narrowed(scopeOf(token.tools), choice, tools), tools) ?? [];
      if (kept.length === 0) throw nothingLeft();
      store.setTools(id, kept);
      tokens.set(id, { ...token, tools: kept });
      for (const listener of [...revoked]) listener(id);
      tellChanged();
      return scopeOf(kept);
    },
    revoke(id) {
      const ending = live().filter((token) => token.id === id || agentId(token) === id);
      if (ending.length === 0) throw grantNotFound(id);
      end(ending);
    },
    revokeAll(server) {
      end(live().filter((token) => server === undefined || token.server === server));
    },
    agents() {
      return live().map((token) => ({
        id: agentId(token),
        name: token.name,
        kind: 'token' as const,
        grants: [
          {
            id: token.id,
            server: token.server,
            scope: scopeOf(token.tools),
            expiresAt: new Date(token.expiresAt).toISOString(),
            ...(token.lastUsedAt === undefined ? {} : { lastUsedAt: new Date(token.lastUsedAt).toISOString() }),
          },
        ],
      }));
    },
    metadata(resource) {
      return {
        resource,
        authorization_servers: [new URL(resource).origin],
        bearer_methods_supported: ['header'],
        scopes_supported: [allShared, readScope],
      };
    },
    onRevoked(listener) {
      revoked.add(listener);
      return () => revoked.delete(listener);
    },
    onChange(listener) {
      changed.add(listener);
      return () => changed.delete(listener);
    },
    close() {
      revoked.clear();
      changed.clear();
      store.close();
    },
  };
}

function agentId(token: StoredToken): string {
  return `token:${token.id}`;
}

function sha256(text: string): Uint8Array {
  return createHash('sha256').update(text, 'utf8').digest();
}
