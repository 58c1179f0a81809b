import { homedir } from 'node:os';
import type { Clock } from '../../shared/clock.ts';
import { formatDuration } from '../../shared/duration.ts';
import { SallyportError } from '../../shared/errors.ts';
import type { Secrets } from '../secrets/secrets.ts';
import type { ClientIdentity } from './era.ts';
import { asStartFailure, ServerFailure } from './failure.ts';
import { guardOffers } from './guarded-offers.ts';
import { openHttpSession } from './http/http-session.ts';
import { ownHeaders } from './http/own-headers.ts';
import type { AddressPin, Reach } from './http/upstream-address.ts';
import type { OfferPins } from './offers.ts';
import type { OwnSession } from './own-session.ts';
import { createServerMemory, type ServerMemory } from './server-health.ts';
import { defaultLimits, type ServerLimits } from './server-limits.ts';
import type { ConnectOptions, ServerHealth, ServerRecord, Servers } from './servers.ts';
import type { SignIns } from './sign-in/sign-ins.ts';
import { childEnvironment, type Environment } from './stdio/child-environment.ts';
import { probeStdio } from './stdio/era-probe.ts';
import { type IsolationSupport, isolate, probeIsolation } from './stdio/isolation.ts';
import { openStdioSession, refusedHandshake, type StdioSessionOptions } from './stdio/stdio-session.ts';
import type { UpstreamSession } from './upstream-session.ts';

/** What the station needs. */
export interface ServersDeps {
  readonly secrets: Pick<Secrets, 'get'>;
  readonly clock: Clock;
  /** Who we say we are to servers. */
  readonly client: ClientIdentity;
  /** The environment that children get their few variables from: normally `process.env`. */
  readonly environment: Environment;
  /** Working directory of children. Default: the home directory. */
  readonly cwd?: string;
  readonly limits?: Partial<ServerLimits>;
  /** Folders that a server that is walled in must not get: the data folder. */
  readonly keptOut?: readonly string[];
  /** Whether this machine can wall servers in. Default: looked at for each start. */
  readonly isolationSupport?: () => Promise<IsolationSupport>;
  /** Sallyport's own sign-ins at HTTP servers that want one. */
  readonly signIns?: Pick<SignIns, 'forServer'>;
  /** Pins of what servers offer besides tools. */
  readonly offers?: OfferPins;
  /** Told how far the address of an HTTP server lies, the first time that it is connected to. */
  readonly onReach?: (slug: string, reach: Reach) => void;
  /** Resolves names of HTTP servers. Default: the system's resolver. */
  readonly lookup?: AddressPin['lookup'];
}

/** One conversation, from the moment its start was asked for. */
interface Entry {
  readonly slug: string;
  readonly key: string;
  readonly target: string;
  readonly abort: AbortController;
  readonly opening: Promise<UpstreamSession>;
  session: OwnSession | undefined;
  /** Monotonic. */
  lastUsed: number;
}

/** Makes the station; nothing starts before the first {@link Servers.connect}. */
export function createServers(deps: ServersDeps): Servers {
  const { clock } = deps;
  const limits = { ...defaultLimits, ...deps.limits };
  const cwd = deps.cwd ?? homedir();
  const entries = new Set<Entry>();
  const memories = new Map<string, ServerMemory>();
  const changeListeners = new Set<(slug: string) => void>();
  const stderrListeners = new Set<(slug: string, line: string) => void>();
  /** Era probes that run, so that several first callers share one. */
  const probes = new Map<string, { readonly verdict: Promise<boolean>; readonly abort: AbortController }>();

  const memory = (slug: string): ServerMemory => {
    const known = memories.get(slug) ?? createServerMemory(clock);
    memories.set(slug, known);
    return known;
  };
  const changed = (slug: string): void => {
    for (const listener of changeListeners) listener(slug);
  };
  const of = (slug: string): Entry[] => [...entries].filter((entry) => entry.slug === slug);

  const isolationSupport = deps.isolationSupport ?? (() => probeIsolation());

  const open = async (record: ServerRecord, entry: Entry, wanted: ConnectOptions): Promise<OwnSession> => {
    const known = memory(record.slug);
    const { signal } = entry.abort;
    await holdBack(record, known, signal);
    const manner = known.manner(entry.target);
    const { capabilities } = wanted;
    const asks = capabilities === undefined ? {} : { capabilities };
    const preferLegacy = wanted.preferLegacy === true && !known.modernOnly(entry.target);
    const common = { name: record.name, clock, client: deps.client, startMs: limits.startMs, signal, ...asks };
    if (record.target.kind === 'http') {
      const headers = await ownHeaders(record, deps.secrets);
      const origin = {
        headers,
        // Credentials that the person gave by hand are used as they are.
        signIn: 'authorization' in headers ? undefined : deps.signIns?.forServer(record),
        ca: record.target.ca,
        reach: record.reach,
        onReach: (reach: Reach) => deps.onReach?.(record.slug, reach),
        lookup: deps.lookup,
      };
      try {
        const prefer = preferLegacy && manner !== 'legacy-sse' ? 'legacy' : manner;
        const opened = await openHttpSession({ ...common, url: record.target.url, origin, known: prefer });
        // That it knows the old era too says nothing of the new one.
        if (prefer === manner) known.setManner(entry.target, opened.manner);
        else if (opened.manner === 'modern') known.setModernOnly(entry.target);
        return opened.session;
      } catch (thrown) {
        known.setManner(entry.target, undefined);
        throw thrown;
      }
    }
    const { command, args, env } = record.target;
    const spec = { slug: record.slug, name: record.name, env };
    const environment = await childEnvironment(spec, deps.secrets, deps.environment, process.platform);
    const plain = { name: record.name, command, args, environment, cwd: record.target.cwd ?? cwd };
    const isolation = record.isolation;
    const started = isolation ? await isolate(plain, isolation, await isolationSupport(), deps.keptOut ?? []) : plain;
    const child = { ...common, ...started };
    const onStderr = (line: string): void => {
      for (const listener of stderrListeners) listener(record.slug, line);
    };
    const modern = manner === undefined ? await probe(record.slug, child) : manner === 'modern';
    if (signal.aborted) throw stopped(record.name);
    known.setManner(entry.target, modern ? 'modern' : 'legacy');
    if (modern && preferLegacy) {
      const old = await openStdioSession({ ...child, modern: false, onStderr }).catch((thrown: unknown) => {
        if (signal.aborted) throw thrown;
        if (thrown instanceof ServerFailure && thrown.cause === refusedHandshake) known.setModernOnly(entry.target);
        return undefined;
      });
      if (old) return old;
    }
    try {
      return await openStdioSession({ ...child, modern, onStderr });
    } catch (thrown) {
      known.setManner(entry.target, undefined);
      // Slow to start, a modern server was silent on the probe: it is one after all if it refuses the old handshake.
      if (modern || !(thrown instanceof ServerFailure) || thrown.cause !== refusedHandshake) throw thrown;
      const session = await openStdioSession({ ...child, modern: true, onStderr }).catch(() => {
        throw thrown;
      });
      known.setManner(entry.target, 'modern');
      return session;
    }
  };

  const probe = (slug: string, child: Omit<StdioSessionOptions, 'modern' | 'onStderr'>): Promise<boolean> => {
    const running = probes.get(slug);
    if (running) return running.verdict;
    const abort = new AbortController();
    const verdict = probeStdio({ ...child, startMs: limits.probeMs, signal: abort.signal }).finally(() => {
      if (probes.get(slug)?.abort === abort) probes.delete(slug);
    });
    verdict.catch(() => {});
    probes.set(slug, { verdict, abort });
    return verdict;
  };

  const holdBack = async (record: ServerRecord, known: ServerMemory, signal: AbortSignal): Promise<void> => {
    const milliseconds = known.holdBack();
    if (milliseconds === 0) return;
    if (milliseconds > limits.waitForBackOffMs) {
      const last = known.lastError ?? '';
      throw new ServerFailure(
        'server_not_ready',
        known.state ?? 'crashed',
        `${record.name} failed ${known.failures} times in a row; the next try is in ${Math.ceil(milliseconds / 1_000)} s. ${last}`.trim(),
        { hint: 'Stop and share it again to try at once.', cause: heldBack },
      );
    }
    await new Promise<void>((resolve, reject) => {
      const cancel = clock.schedule(milliseconds, resolve);
      signal.addEventListener('abort', () => {
        cancel();
        reject(stopped(record.name));
      });
    });
  };

  /** Makes room at a limit, or says which limit it is. */
  const admit = (record: ServerRecord): void => {
    const own = of(record.slug);
    if (own.length >= limits.perServer && !giveWay(own)) {
      throw busy(
        `${record.name} has ${limits.perServer} conversations open, the most that one server may have.`,
        limits,
      );
    }
    if (entries.size >= limits.total && !giveWay([...entries])) {
      throw busy(`${limits.total} conversations with servers are open, the most in all.`, limits);
    }
  };
  const giveWay = (among: readonly Entry[]): boolean => {
    const since = clock.monotonic() - limits.giveWayMs;
    const [idlest] = among
      .filter((entry) => entry.session?.inFlight === 0 && entry.lastUsed <= since)
      .sort((a, b) => a.lastUsed - b.lastUsed);
    if (!idlest) return false;
    void finish(idlest, 5_000);
    return true;
  };

  /** Takes the conversation out and ends it. */
  const finish = async (entry: Entry, graceMs: number): Promise<void> => {
    entries.delete(entry);
    entry.abort.abort();
    changed(entry.slug);
    const session = entry.session ?? (await entry.opening.then(() => entry.session).catch(() => undefined));
    await session?.stop(graceMs);
  };

  const watchIdle = (entry: Entry, session: OwnSession): void => {
    const check = (): void => {
      const left = entry.lastUsed + limits.idleMs - clock.monotonic();
      if (session.inFlight === 0 && left <= 0) void finish(entry, 5_000);
      else cancel = clock.schedule(Math.max(1_000, left), check);
    };
    let cancel = clock.schedule(limits.idleMs, check);
    void session.closed.then(() => cancel());
  };

  const begin = (record: ServerRecord, key: string, target: string, options: ConnectOptions): Entry => {
    const known = memory(record.slug);
    const { promise: opening, resolve, reject } = Promise.withResolvers<UpstreamSession>();
    const entry: Entry = {
      slug: record.slug,
      key,
      target,
      abort: new AbortController(),
      opening,
      session: undefined,
      lastUsed: clock.monotonic(),
    };
    opening.catch(() => {});
    entries.add(entry);
    open(record, entry, options).then(
      (opened) => {
        const session = deps.offers ? guardOffers(opened, record.slug, deps.offers) : opened;
        const since = clock.monotonic();
        entry.session = session;
        entry.lastUsed = since;
        known.started();
        const over = session.closed.then((failure) => {
          const expected = !entries.delete(entry);
          if (!expected) known.ended(failure, since);
          changed(record.slug);
        });
        watchIdle(entry, session);
        changed(record.slug);
        resolve(tracked(session, entry, known, over));
      },
      (thrown: unknown) => {
        const error = entry.abort.signal.aborted ? stopped(record.name) : asStartFailure(thrown);
        const unwanted = !entries.delete(entry);
        if (!unwanted && error.cause !== heldBack) known.failed(error);
        changed(record.slug);
        reject(error);
      },
    );
    changed(record.slug);
    return entry;
  };

  /** The session as callers get it: using it is noted. */
  const tracked = (session: OwnSession, entry: Entry, known: ServerMemory, over: Promise<void>): UpstreamSession => ({
    get info() {
      return session.info;
    },
    async request(method, params, options) {
      entry.lastUsed = clock.monotonic();
      try {
        const answer = await session.request(method, params, options);
        if (known.lastError !== undefined || known.state !== undefined) {
          known.answered();
          changed(entry.slug);
        }
        return answer;
      } catch (thrown) {
        if (thrown instanceof ServerFailure && entries.has(entry) && telling.includes(thrown.code)) {
          known.troubled(thrown);
          changed(entry.slug);
        }
        throw thrown;
      } finally {
        entry.lastUsed = clock.monotonic();
      }
    },
    notify(method, params) {
      entry.lastUsed = clock.monotonic();
      session.notify(method, params);
    },
    onNotification: session.onNotification,
    onServerRequest: session.onServerRequest,
    onClose(listener) {
      let wanted = true;
      void over.then(() => {
        if (wanted) listener();
      });
      return () => {
        wanted = false;
      };
    },
    close: () => finish(entry, 5_000),
  });

  const stop = async (slug: string, graceMs = 5_000): Promise<void> => {
    memory(slug).reset();
    probes.get(slug)?.abort.abort();
    probes.delete(slug);
    await Promise.all(of(slug).map((entry) => finish(entry, graceMs)));
    changed(slug);
  };

  return {
    async connect(record, key, options = {}) {
      const target = JSON.stringify(record.target);
      const found = of(record.slug).find((entry) => entry.key === key);
      if (found?.target === target) return await found.opening;
      // Under this slug there is another server now: nothing of the old one goes on.
      if (found) await stop(record.slug);
      admit(record);
      return await begin(record, key, target, options).opening;
    },
    health(slug) {
      const own = of(slug);
      const known = memories.get(slug);
      const ready = own.some((entry) => entry.session !== undefined);
      const era = known?.shownEra;
      const state: ServerHealth['state'] =
        ready && known?.state === undefined ? 'ready' : (known?.state ?? (own.length > 0 ? 'starting' : 'stopped'));
      return {
        state,
        ...(era === undefined ? {} : { era }),
        ...(known?.lastError === undefined ? {} : { lastError: known.lastError }),
        sessions: own.length,
      };
    },
    onChange(listener) {
      changeListeners.add(listener);
      return () => changeListeners.delete(listener);
    },
    onStderr(listener) {
      stderrListeners.add(listener);
      return () => stderrListeners.delete(listener);
    },
    async end(slug, key) {
      await Promise.all(
        of(slug)
          .filter((entry) => entry.key === key)
          .map((entry) => finish(entry, 5_000)),
      );
    },
    stop,
    async stopAll(graceMs) {
      const slugs = new Set([...entries].map((entry) => entry.slug));
      await Promise.all([...slugs].map((slug) => stop(slug, graceMs)));
    },
  };
}

/** Errors of a request that say how the server does while the conversation goes on. */
const telling: readonly string[] = ['server_unreachable', 'server_wrong_output', 'server_needs_authorization'];

/** Marks a refusal that came from holding back, which is no new failure. */
const heldBack = Symbol('held back');

function stopped(name: string): ServerFailure {
  return new ServerFailure('server_not_ready', 'crashed', `${name} was stopped while it started.`);
}

function busy(message: string, limits: ServerLimits): SallyportError {
  return new SallyportError('server_busy', 'server', message, {
    hint: `They end after ${formatDuration(limits.idleMs)} without a call, or when their agent closes them.`,
  });
}
