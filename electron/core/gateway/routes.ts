import type { ServerRecord } from '../servers/servers.ts';

/** A shared server as its URL finds it. */
export interface SharedRoute {
  readonly record: ServerRecord;
  /** The server's URL byte for byte: OAuth resource and audience (`design.md` §2, Addresses). */
  readonly resource: string;
}

/** Which names and paths are ours. Host names come lower-case, without port and without a trailing dot. */
export interface Routes {
  /** Whether requests for that host name are answered at all. */
  serves(host: string): boolean;
  /** The shared server at that path, for instance `/files/mcp`; `undefined` also for one that is not shared. */
  byAddress(host: string, path: string): SharedRoute | undefined;
  /** What a host that is not served is answered, where it is not the usual 421. */
  unserved?(host: string): { readonly status: number; readonly text: string } | undefined;
}

/** What {@link createPathRoutes} reads; asked anew for each request, so that changes show at once. */
export interface PathRoutesSource {
  /** The tunnel's domain, `localhost` for the embedded edge. */
  domain(): string;
  /** Further names of the same tunnel: `127.0.0.1` and `[::1]` for the embedded edge. */
  aliases?(): readonly string[];
  records(): readonly ServerRecord[];
  /** The shared server's URL as it was given out. */
  resource(slug: string): string;
}

const sharedPath = /^\/([a-z0-9-]{1,40})\/mcp$/;

/** Routes of a tunnel that routes by path: `https://<domain>[:port]/<slug>/mcp`. */
export function createPathRoutes(source: PathRoutesSource): Routes {
  const serves = (host: string): boolean => host === source.domain() || (source.aliases?.().includes(host) ?? false);
  return {
    serves,
    byAddress(host, path) {
      const slug = sharedPath.exec(path)?.[1];
      if (slug === undefined || !serves(host)) return undefined;
      const record = source.records().find((candidate) => candidate.slug === slug);
      return record?.shared ? { record, resource: source.resource(slug) } : undefined;
    },
  };
}

/** What {@link createHostRoutes} reads; asked anew for each request. */
export interface HostRoutesSource {
  /** The tunnel's domain: servers are one label below it. */
  domain(): string;
  /** Servers that have a whole host name of their own: host to slug. These come first. */
  hosts?(): Readonly<Record<string, string>>;
  records(): readonly ServerRecord[];
  resource(slug: string): string;
  /** Told of a host that no route is for. */
  onNoRoute?(host: string): void;
}

/**
 * Routes of a tunnel that routes by host: `https://<slug>.<domain>/mcp` (Anthropic's). The exact host comes first, then what
 * is left of it without the domain. A host without a route is answered as the proxy in this place always did.
 */
export function createHostRoutes(source: HostRoutesSource): Routes {
  const slugOf = (host: string): string | undefined => {
    const exact = source.hosts?.()[host];
    if (exact !== undefined) return exact;
    const ending = `.${source.domain()}`;
    return host.endsWith(ending) ? host.slice(0, -ending.length) : undefined;
  };
  const recordOf = (host: string): ServerRecord | undefined => {
    const slug = slugOf(host);
    const record = source.records().find((candidate) => candidate.slug === slug);
    return record?.shared ? record : undefined;
  };
  return {
    // The bare domain answers the probe alone, and `auth.` the authorization server.
    serves: (host) => host === source.domain() || host === `auth.${source.domain()}` || recordOf(host) !== undefined,
    byAddress(host, path) {
      const record = path === '/mcp' ? recordOf(host) : undefined;
      return record && { record, resource: source.resource(record.slug) };
    },
    unserved(host) {
      source.onNoRoute?.(host);
      return { status: 502, text: 'No route configured for host' };
    },
  };
}

/** Routes that are those of `current` at each moment: the way in can change while the app runs. */
export function createChosenRoutes(current: () => Routes): Routes {
  return {
    serves: (host) => current().serves(host),
    byAddress: (host, path) => current().byAddress(host, path),
    unserved: (host) => current().unserved?.(host),
  };
}
