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
