import { isIP } from 'node:net';
import type { RequestInput } from '../../shared/contract.ts';
import { SallyportError } from '../../shared/errors.ts';
import type { ServerFeature } from '../../shared/features.ts';
import type { Secrets } from '../secrets/secrets.ts';
import type { Settings } from '../settings/settings.ts';
import { type Reach, reachOf } from './http/upstream-address.ts';
import { certificateBlocks, certificatesOf } from './http/upstream-ca.ts';
import type { ServerOrigin, ServerRecord, ServerTarget } from './servers.ts';
import type { Isolation } from './stdio/isolation.ts';

/** What is added: what a person may say, and what only an import knows. */
export type ServerAddition = RequestInput<'servers.add'> & {
  readonly cwd?: string | undefined;
  readonly origin?: ServerOrigin;
};

/** The servers that the person added, as settings keep them. */
export interface ServerRegistry {
  all(): readonly ServerRecord[];
  /** By slug, undefined if there is none. */
  bySlug(slug: string): ServerRecord | undefined;
  /** By name or slug, as people type it. @throws SallyportError `server_not_found` */
  find(nameOrSlug: string): ServerRecord;
  /**
   * Adds a server, nothing of it runs yet. Environment values go to secrets, names to settings.
   * @throws SallyportError `server_exists`, `bad_server` naming the field
   */
  add(spec: ServerAddition): Promise<ServerRecord>;
  /** Replaces what a server runs, with the values of its variables. @throws SallyportError `server_not_found`, `bad_server` */
  retarget(slug: string, spec: ServerAddition): Promise<ServerRecord>;
  /** Removes it with its environment secrets. Its slug's token audience must be ended by the caller. */
  remove(slug: string): Promise<void>;
  setShared(slug: string, shared: boolean): void;
  setResults(slug: string, results: NonNullable<ServerRecord['results']>): void;
  setFeatures(slug: string, features: readonly ServerFeature[]): void;
  /** What it may have of this machine; undefined = everything. @throws SallyportError `bad_server` for one reached by a URL */
  setIsolation(slug: string, isolation: Isolation | undefined): void;
  /** Marks its results; `readable` = offered by a way whose middle reads all the same. */
  setPrivate(slug: string, marked: boolean, readable: boolean): void;
  /** Remembers how far its address lies, from its first connection on. */
  setReach(slug: string, reach: Reach): void;
}

/** Makes the registry over settings and secrets. */
export function createServerRegistry(deps: { settings: Settings; secrets: Secrets }): ServerRegistry {
  const { settings, secrets } = deps;
  const all = (): readonly ServerRecord[] => settings.get().servers;
  const bySlug = (slug: string): ServerRecord | undefined => all().find((record) => record.slug === slug);
  const change = (slug: string, next: (record: ServerRecord) => ServerRecord | undefined): void => {
    settings.update((current) => ({
      ...current,
      servers: current.servers.flatMap((record) => (record.slug === slug ? (next(record) ?? []) : record)),
    }));
  };
  const storeValues = async (slug: string, spec: ServerAddition): Promise<void> => {
    for (const [name, value] of Object.entries(spec.env ?? {})) await secrets.set(envSecret(slug, name), value);
    for (const [name, value] of Object.entries(spec.headers ?? {})) await secrets.set(headerSecret(slug, name), value);
  };
  const forgetValues = async (slug: string): Promise<void> => {
    for (const prefix of [envSecret(slug, ''), headerSecret(slug, '')]) {
      for (const name of secrets.names(prefix)) await secrets.delete(name);
    }
    await secrets.delete(signInSecret(slug));
  };
  return {
    all,
    bySlug,
    find(nameOrSlug) {
      const found = all().find((record) => record.name === nameOrSlug) ?? bySlug(nameOrSlug);
      if (found) return found;
      const names = all().map((record) => record.name);
      throw new SallyportError('server_not_found', 'server', `There is no server named "${nameOrSlug}".`, {
        hint:
          names.length > 0 ? `Known: ${names.join(', ')}.` : 'Add one first: sallyport servers add NAME --command …',
      });
    },
    async add(spec) {
      if (all().some((record) => record.name === spec.name)) {
        throw new SallyportError('server_exists', 'server', `There is already a server named "${spec.name}".`, {
          hint: 'Choose another name, or remove the old one first.',
        });
      }
      const target = targetOf(spec);
      const slug = freeSlug(spec.name, new Set(all().map((record) => record.slug)));
      await storeValues(slug, spec);
      const record: ServerRecord = {
        slug,
        name: spec.name,
        target,
        shared: false,
        ...(spec.source ? { source: spec.source } : {}),
        ...(spec.origin ? { origin: spec.origin } : {}),
      };
      settings.update((current) => ({ ...current, servers: [...current.servers, record] }));
      return record;
    },
    async retarget(slug, spec) {
      const target = targetOf(spec);
      await forgetValues(slug);
      await storeValues(slug, spec);
      change(slug, ({ reach: _, ...record }) => ({
        ...record,
        target,
        ...(spec.origin ? { origin: spec.origin } : {}),
      }));
      const record = bySlug(slug);
      if (record) return record;
      throw new SallyportError('server_not_found', 'server', 'The server was removed meanwhile.');
    },
    async remove(slug) {
      change(slug, () => undefined);
      await forgetValues(slug);
    },
    setResults(slug, results) {
      change(slug, (record) => ({ ...record, results }));
    },
    setFeatures(slug, features) {
      change(slug, (record) => ({ ...record, features: [...features] }));
    },
    setIsolation(slug, isolation) {
      if (isolation && bySlug(slug)?.target.kind === 'http') {
        throw new SallyportError('bad_server', 'app', 'A server that is reached by a URL runs without Sallyport.', {
          hint: 'Only servers that Sallyport starts can be isolated.',
        });
      }
      change(slug, ({ isolation: _, ...record }) => ({ ...record, ...(isolation ? { isolation } : {}) }));
    },
    setReach(slug, reach) {
      change(slug, (record) => ({ ...record, reach }));
    },
    setPrivate(slug, marked, readable) {
      change(slug, ({ private: _was, offeredReadable: _said, ...record }) => ({
        ...record,
        ...(marked ? { private: true } : {}),
        ...(marked && readable ? { offeredReadable: true } : {}),
      }));
    },
    setShared(slug, shared) {
      change(slug, ({ offeredReadable, ...record }) => ({
        ...record,
        shared,
        ...(shared && offeredReadable ? { offeredReadable } : {}),
      }));
    },
  };
}

/** Name of the secret that holds one environment value of a server. */
export function envSecret(slug: string, name: string): string {
  return `server-env:${slug}:${name}`;
}

/** Name of the secret that holds one header value of an HTTP server. */
export function headerSecret(slug: string, name: string): string {
  return `server-header:${slug}:${name}`;
}

/** Name of the secret that holds Sallyport's own tokens at an HTTP server. */
export function signInSecret(slug: string): string {
  return `server-sign-in:${slug}`;
}

/** A free slug `[a-z0-9-]{1,40}` made from a name (`design.md` §2, Addresses). */
export function freeSlug(name: string, taken: ReadonlySet<string>): string {
  const plain = name
    .normalize('NFKD')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '');
  const base = plain.slice(0, 36).replace(/-+$/, '') || 'server';
  for (let count = 1; ; count += 1) {
    const candidate = count === 1 ? base : `${base}-${count}`;
    if (!taken.has(candidate)) return candidate;
  }
}

function targetOf(spec: ServerAddition): ServerTarget {
  if ((spec.command === undefined) === (spec.url === undefined)) {
    throw new SallyportError('bad_server', 'app', 'A server needs either a command or a URL, and not both.', {
      hint: 'Give --command CMD with its --arg values, or --url URL.',
    });
  }
  const headers = Object.keys(spec.headers ?? {});
  if (spec.command !== undefined) {
    if (spec.ca !== undefined)
      throw new SallyportError('bad_server', 'app', 'A CA belongs to a URL, not to a command.');
    if (headers.length > 0) throw new SallyportError('bad_server', 'app', 'Headers belong to a URL, not to a command.');
    const cwd = spec.cwd === undefined ? {} : { cwd: spec.cwd };
    return { kind: 'stdio', command: spec.command, args: spec.args ?? [], env: Object.keys(spec.env ?? {}), ...cwd };
  }
  if (spec.args?.length || Object.keys(spec.env ?? {}).length > 0) {
    throw new SallyportError('bad_server', 'app', 'Arguments and environment belong to a command, not to a URL.');
  }
  for (const name of headers) checkHeader(name, spec.headers?.[name] ?? '');
  const url = httpUrl(spec.url ?? '');
  const ca = spec.ca === undefined ? {} : { ca: readCertificates(spec.ca, url) };
  return { kind: 'http', url, ...(headers.length > 0 ? { headers } : {}), ...ca };
}

function readCertificates(text: string, url: string): string {
  const bad = (why: string): never => {
    throw new SallyportError('bad_server', 'app', `The CA ${why}.`, { hint: 'It is a file with certificates in PEM.' });
  };
  if (!url.startsWith('https:')) bad('is of no use to a URL without https');
  const blocks = certificateBlocks(text);
  if (blocks.length === 0) bad('holds no certificate');
  try {
    certificatesOf(blocks.join('\n'));
  } catch {
    bad('holds something that is no certificate');
  }
  return `${blocks.join('\n')}\n`;
}

/** Headers that say what a request is, or how it travels, are the gateway's own. */
const ownHeaders =
  /^(?:accept|connection|content-.*|expect|host|keep-alive|last-event-id|mcp-.*|te|trailer|transfer-encoding|upgrade)$/i;

function checkHeader(name: string, value: string): void {
  const bad = ownHeaders.test(name)
    ? 'is set by Sallyport itself'
    : /[^\t\x20-\x7e\x80-\xff]/.test(value)
      ? 'holds a character that no header may hold'
      : undefined;
  if (bad !== undefined) throw new SallyportError('bad_server', 'app', `The header ${name} ${bad}.`);
}

const plainHttp = 'Plain http is accepted on this machine and in private networks only; elsewhere it takes https.';

function httpUrl(text: string): string {
  const url = URL.parse(text);
  const bad = (what: string, hint: string): never => {
    throw new SallyportError('bad_server', 'app', `"${text}" ${what}.`, { hint });
  };
  if (!url) return bad('is not a URL', 'Write it whole, for instance http://127.0.0.1:8931/mcp.');
  if (url.username || url.password) return bad('carries credentials', 'Leave user and password out of the URL.');
  if (url.hash) return bad('has a fragment', 'Leave out what follows the #.');
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return bad('is neither http nor https', plainHttp);
  // A name is judged by where it leads, each time it is looked up (upstream-address.ts).
  const literal = url.hostname.replace(/^\[|\]$/g, '');
  if (url.protocol === 'http:' && isIP(literal) !== 0 && reachOf(literal) === 'public') {
    return bad('is not https', plainHttp);
  }
  return url.href;
}
