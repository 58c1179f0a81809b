import { SallyportError } from '../../shared/errors.ts';
import type { FoundServer } from '../../shared/views.ts';
import type { Handlers } from '../fronts/dispatcher.ts';
import type { RequestLog } from '../request-log/request-log.ts';
import type { Discovered } from '../servers/discovery/discovery.ts';
import { isKnown, type Origins } from '../servers/discovery/origins.ts';
import type { ServerAddition, ServerRegistry } from '../servers/server-registry.ts';
import type { ServerRecord, Servers } from '../servers/servers.ts';

/** What the requests on found servers need of the stations. */
export interface DiscoveryHandlerDeps {
  readonly registry: ServerRegistry;
  readonly servers: Pick<Servers, 'stop'>;
  readonly origins: Origins;
  readonly log: Pick<RequestLog, 'note'>;
  /** Asks the ports of this person on loopback. @throws Error in words where this system does not tell which they are */
  readonly scan: () => Promise<{ readonly found: readonly Discovered[]; readonly ports: number }>;
  /** Cuts the streams that agents hold on one server. */
  readonly endSessions: (filter: { readonly server: string }) => number;
}

/** Requests on servers that other programs use. */
export function createDiscoveryHandlers(
  deps: DiscoveryHandlerDeps,
): Pick<Handlers, 'servers.discover' | 'servers.scan' | 'servers.import' | 'servers.adopt'> {
  const { registry, origins, log } = deps;
  /** What the newest scan found: an import names one of these, for there is no file to read again. */
  let scanned: readonly Discovered[] = [];

  const viewOf = ({ values: _, ...found }: Discovered): FoundServer => ({
    ...found,
    already: isKnown({ ...found, values: { env: {}, headers: {} } }, registry.all()),
  });

  /** Reads the files again and finds the one that was shown. */
  const same = async (wanted: { source: string; file: string; found: string; digest: string }): Promise<Discovered> => {
    const { found } = await origins.look();
    const named = [...found, ...scanned].find(
      (each) => each.source === wanted.source && each.file === wanted.file && each.name === wanted.found,
    );
    if (!named) {
      throw new SallyportError('found_stale', 'app', `${wanted.file} no longer names "${wanted.found}".`, {
        hint: 'Look again at what is found on this machine.',
      });
    }
    if (named.digest !== wanted.digest) {
      throw new SallyportError(
        'found_stale',
        'app',
        `${wanted.file} says something else about "${wanted.found}" by now.`,
        {
          hint: 'Look at it again before you take it over.',
        },
      );
    }
    if (named.problem !== undefined) {
      throw new SallyportError(
        'cannot_import',
        'app',
        `"${named.name}" cannot be taken over as it is: ${named.problem}.`,
        {
          hint: 'Add it by hand.',
        },
      );
    }
    return named;
  };

  const additionOf = (found: Discovered, name: string, typed: Readonly<Record<string, string>>): ServerAddition => {
    const asks = found.asks ?? [];
    const missing = asks.filter((each) => !Object.hasOwn(typed, each));
    if (missing.length > 0) {
      throw new SallyportError('value_missing', 'app', `"${found.name}" needs a value for ${missing.join(', ')}.`, {
        hint: 'Its file takes it from somewhere that Sallyport does not see.',
      });
    }
    const own = Object.fromEntries(asks.map((each) => [each, typed[each] ?? '']));
    // What a port scan found has no file that could change.
    const origin = found.kind === 'http' && found.file === found.url ? {} : { origin: originOf(found) };
    const common = { name, source: found.source, ...origin };
    if (found.kind === 'http') {
      return { ...common, url: found.url ?? '', headers: { ...found.values.headers, ...own } };
    }
    return {
      ...common,
      command: found.command ?? '',
      args: found.args ?? [],
      env: { ...found.values.env, ...own },
      ...(found.cwd === undefined ? {} : { cwd: found.cwd }),
    };
  };

  const freeName = (wanted: string): string => {
    const taken = new Set(registry.all().map((record) => record.name));
    for (let count = 1; ; count += 1) {
      const candidate = count === 1 ? wanted : `${wanted} ${count}`;
      if (!taken.has(candidate)) return candidate;
    }
  };

  return {
    'servers.discover': async () => {
      const { found, unreadable } = await origins.look();
      return { found: found.map(viewOf), unreadable: [...unreadable] };
    },

    'servers.scan': async (_input, { front }) => {
      try {
        const { found, ports } = await deps.scan();
        scanned = found;
        log.note({ kind: 'app', message: `${ports} ports of this machine were asked for MCP servers.`, by: front });
        return { found: found.map(viewOf), ports };
      } catch (thrown) {
        return { found: [], ports: 0, problem: thrown instanceof Error ? thrown.message : String(thrown) };
      }
    },

    'servers.import': async (input, { front }) => {
      const found = await same(input);
      const name = input.name ?? freeName(found.name.slice(0, 76) || 'server');
      const record = await registry.add(additionOf(found, name, input.values ?? {}));
      log.note({
        kind: 'authority',
        message: `Server ${record.name} taken over from ${found.source}.`,
        server: record.slug,
        by: front,
      });
      return { name: record.name, slug: record.slug };
    },

    'servers.adopt': async ({ server, digest, values }, { front }) => {
      const record: ServerRecord = registry.find(server);
      const { origin, source } = record;
      if (!origin || source === undefined) {
        throw new SallyportError('not_imported', 'app', `${record.name} was not taken over from another program.`);
      }
      const found = await same({ source, file: origin.file, found: origin.entry, digest });
      const addition = additionOf(found, record.name, values ?? {});
      deps.endSessions({ server: record.slug });
      await deps.servers.stop(record.slug);
      const { name, slug } = await registry.retarget(record.slug, addition);
      log.note({ kind: 'authority', message: `${name} runs what ${origin.file} says now.`, server: slug, by: front });
      return { name, slug };
    },
  };
}

function originOf(found: Discovered): NonNullable<ServerAddition['origin']> {
  return { file: found.file, entry: found.name, digest: found.digest };
}
