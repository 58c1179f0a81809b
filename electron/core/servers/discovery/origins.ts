import type { Clock } from '../../../shared/clock.ts';
import type { ServerView } from '../../../shared/views.ts';
import type { ServerRegistry } from '../server-registry.ts';
import type { ServerRecord } from '../servers.ts';
import { type Discovered, type Discoveries, type Discovery, targetDigest } from './discovery.ts';

/** Follows the files that imported servers came from. What they say is told, and never run by itself. */
export interface Origins {
  /** Looks around now, and notes what became of imported servers' entries. */
  look(): Promise<Discoveries>;
  /** How the entry of a server is, as last seen; `undefined` for servers that were not imported, or not looked at yet. */
  view(record: ServerRecord): ServerView['origin'];
  /** After a change of any {@link view}; the function returned ends that. */
  onChange(listener: () => void): () => void;
  close(): void;
}

/** What {@link createOrigins} needs. */
export interface OriginsDeps {
  readonly discovery: Discovery;
  readonly registry: Pick<ServerRegistry, 'all'>;
  readonly clock: Clock;
  /** Told once of each change, in words. */
  readonly onNote: (server: string, message: string) => void;
}

/** How often the files are read while any server came from one. */
const lookEveryMs = 5 * 60_000;

/** Makes it; it looks around at once if there is something to follow, and then every five minutes. */
export function createOrigins(deps: OriginsDeps): Origins {
  const { discovery, registry, clock, onNote } = deps;
  const listeners = new Set<() => void>();
  /** Newest look, by {@link keyOf}. */
  let seen: ReadonlyMap<string, Discovered> | undefined;
  const told = new Map<string, string>();
  let looking: Promise<Discoveries> | undefined;
  let closed = false;

  const view = (record: ServerRecord): ServerView['origin'] => {
    const { origin, source } = record;
    if (!origin || !seen) return undefined;
    const found = seen.get(keyOf(source ?? '', origin.file, origin.entry));
    if (!found) return { file: origin.file, state: 'gone' };
    if (found.digest === origin.digest) return { file: origin.file, state: 'same' };
    const { kind, command, args, env, cwd, url, headers, digest, problem } = found;
    return {
      file: origin.file,
      state: 'changed',
      now: {
        kind,
        env,
        digest,
        ...(command === undefined ? {} : { command }),
        ...(args === undefined ? {} : { args }),
        ...(cwd === undefined ? {} : { cwd }),
        ...(url === undefined ? {} : { url }),
        ...(headers === undefined ? {} : { headers }),
        ...(problem === undefined ? {} : { problem }),
      },
    };
  };

  const note = (): void => {
    for (const record of registry.all()) {
      const now = view(record);
      const state = now ? `${now.state} ${now.now?.digest ?? ''}` : '';
      const before = told.get(record.slug);
      if (!now || before === state) continue;
      told.set(record.slug, state);
      if (now.state === 'changed') {
        const what = 'names something else to run now. Sallyport runs what you took over until you adopt the change';
        onNote(record.slug, `The entry of ${record.name} in ${now.file} ${what}.`);
      } else if (now.state === 'gone') {
        onNote(record.slug, `${record.name} is no longer named in ${now.file}. Sallyport keeps it as it is.`);
      }
    }
  };

  const look = (): Promise<Discoveries> => {
    looking ??= discovery
      .find()
      .then((discoveries) => {
        if (closed) return discoveries;
        seen = new Map(discoveries.found.map((found) => [keyOf(found.source, found.file, found.name), found]));
        note();
        for (const listener of listeners) listener();
        return discoveries;
      })
      .finally(() => {
        looking = undefined;
      });
    return looking;
  };

  const lookIfNeeded = (): void => {
    if (registry.all().some((record) => record.origin !== undefined)) look().catch(() => {});
    stopTimer = clock.schedule(lookEveryMs, lookIfNeeded);
  };
  let stopTimer: () => void = () => {};
  lookIfNeeded();

  return {
    look,
    view,
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close() {
      closed = true;
      stopTimer();
      listeners.clear();
    },
  };
}

/** Whether a found server is one that Sallyport has: taken over from that entry, or the same command or URL. */
export function isKnown(found: Discovered, records: readonly ServerRecord[]): boolean {
  return records.some((record) => {
    const { origin, target } = record;
    if (origin && record.source === found.source && origin.file === found.file && origin.entry === found.name)
      return true;
    if (target.kind === 'http') return found.kind === 'http' && sameUrl(target.url, found.url);
    const own = { kind: 'stdio' as const, command: target.command, args: [...target.args], env: [...target.env] };
    return targetDigest(own) === targetDigest({ ...found, cwd: undefined });
  });
}

function sameUrl(url: string, other: string | undefined): boolean {
  return other !== undefined && url === URL.parse(other)?.href;
}

function keyOf(source: string, file: string, entry: string): string {
  return JSON.stringify([source, file, entry]);
}
