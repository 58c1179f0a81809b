import { createInterface } from 'node:readline';
import type { Duplex, Readable } from 'node:stream';
import { type Clock, timestamp } from '../../../../../shared/clock.ts';
import { asSallyportError, SallyportError } from '../../../../../shared/errors.ts';
import { visibleText } from '../../../../../shared/visible-text.ts';
import { createBackOff } from '../../back-off.ts';
import type { Connector, ConnectorStatus, EdgeConnection, PeerInfo } from '../../connector.ts';
import { openWebSocketListener, type WebSocketListener, type WebSocketListenerDeps } from '../listener.ts';
import { argumentsOf, environmentOf, type Orders } from './command-line.ts';
import { type Containment, openWalls, type Walls } from './containment.ts';
import { endedError, faultOf, overrideError, unreachable } from './faults.ts';
import { findCloudflared } from './find-cloudflared.ts';
import { type MetricsAddress, readConfig, readReady } from './local-status.ts';
import { type LogEvent, readLogLine } from './log-line.ts';
import { otherCloudflareds } from './other-cloudflareds.ts';
import { foreignServices, leadsHere } from './remote-override.ts';
import { udpReaches } from './udp-probe.ts';

/** A child whose whole tree ends with this app; what the servers' station starts too. */
export interface SupervisedChild {
  readonly stdout: Readable;
  readonly stderr: Readable;
  readonly exited: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
  stop(graceMs: number): Promise<void>;
}

/** Starts such a child; no shell reads command or arguments. */
export type StartChild = (options: {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly clock: Clock;
}) => Promise<SupervisedChild>;

/** What {@link createCloudflaredConnector} needs. */
export interface CloudflaredDeps {
  /** The tunnel's token, asked for at each start: it goes into the child's environment and nowhere else. */
  readonly token: () => string;
  readonly startChild: StartChild;
  readonly clock: Clock;
  /** Folder for our own configuration of cloudflared; made if it is not there. */
  readonly folder: string;
  /** This process' environment. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The cloudflared that the person chose. */
  readonly chosen?: string;
  /** Port of the listener; 0 for any free one. */
  readonly listen: number;
  readonly onNote: (message: string) => void;
  readonly onUpgrade?: WebSocketListenerDeps['onUpgrade'];
  readonly isProbe?: WebSocketListenerDeps['isProbe'];
  readonly onTls?: WebSocketListenerDeps['onTls'];
  /** Whether it can be contained here; asked at each start. */
  readonly containment: () => Promise<Containment>;
  /** Region that the token names. */
  readonly endpoint?: string | undefined;
  /** Edge addresses `host:port` in place of those found by DNS, one a connection. */
  readonly edges?: readonly string[];
  /** CA in PEM that the edge is checked against in place of the built-in ones. */
  readonly edgeCa?: string;
  /** An override that was noticed in an earlier run: the alarm stands, and nothing is started. */
  readonly overridden?: string | undefined;
  /** Told of an override, so that the alarm outlives this process; called before cloudflared is ended. */
  readonly onOverridden?: (where: string) => void;
  /** Transport to the edge; default `http2`. */
  readonly protocol?: 'http2' | 'quic' | 'auto' | undefined;
  /** Whether UDP gets through to the edge; default {@link udpReaches}. */
  readonly udpReaches?: () => Promise<boolean>;
  readonly random?: () => number;
  /** Milliseconds between looks at `/ready` and `/config`; default 250 until it is ready, then 2 000. */
  readonly pollMs?: number;
  /** Called when the listener is up, with its port. */
  readonly onListening?: (port: number) => void;
}

const eagerPollMs = 250;
const calmPollMs = 2_000;
/** Ends that follow the start this soon make a crash loop. */
const crashWithinMs = 10_000;
const crashesToTell = 3;
const contained =
  'Contained: cloudflared has no network here but the tunnel’s edge and Sallyport’s listener, and sees of your files only its own folder.';
const whatThatMeans =
  'Whoever owns the tunnel could have cloudflared connect to other addresses of this machine and its network. A pushed configuration is noticed and ends it; single connections are not.';
const quicIsChosen = 'QUIC was chosen, and only TCP can be handed through to a cloudflared without a network';

/** The connector, which can also be told to start its child anew. */
export interface CloudflaredConnector extends Connector {
  /** Ends the child, which gets `graceMs` for what is open, and starts it again at once: it has a new token. */
  restart(graceMs: number): void;
}

/** One run of the child. */
interface Run {
  readonly child: SupervisedChild;
  readonly connections: Map<number, EdgeConnection>;
  /** Where its metrics are, once it serves them. */
  metrics?: MetricsAddress;
  ready: number;
}

/**
 * Runs the person's own `cloudflared` as the connector of Anthropic's tunnel and keeps it running: own configuration file
 * (never the person's), token by environment, HTTP/2, metrics on a loopback port of its choice, state from its log and its
 * `/ready`. A configuration pushed from outside that leads anywhere but to our listener ends it, with an alarm, until the
 * way in is chosen anew.
 */
export function createCloudflaredConnector(deps: CloudflaredDeps): CloudflaredConnector {
  const { clock, onNote } = deps;
  const listeners = new Set<() => void>();
  let stopping: AbortController | undefined;
  let held: Promise<void> | undefined;
  let listener: WebSocketListener | undefined;
  let run: Run | undefined;
  let version: string | undefined;
  let lastError: SallyportError | undefined;
  let overridden = deps.overridden === undefined ? undefined : overrideError(deps.overridden);
  let others: readonly string[] = [];
  let walls: Walls | undefined;
  let notContained: string | undefined;
  let wake = (): void => {};
  let restart = false;
  let transport: 'http2' | 'quic' = 'http2';

  const changed = (): void => {
    for (const tell of listeners) tell();
  };
  const note = (message: string): void => onNote(message.replaceAll(deps.token(), '•••'));
  const fail = (error: SallyportError): void => {
    const before = lastError;
    lastError = error;
    if (before?.message !== error.message) note(error.message);
    changed();
  };

  const alarm = (services: readonly string[], current: Run): void => {
    if (overridden) return;
    const shown = services.map((service) => visibleText(service, { max: 120 })).join(', ');
    overridden = overrideError(shown);
    deps.onOverridden?.(shown);
    fail(overridden);
    void current.child.stop(0);
  };

  const onEvent = (event: LogEvent, current: Run): void => {
    switch (event.kind) {
      case 'metrics':
        current.metrics = walls?.metrics ?? { port: event.port };
        void poll(current);
        return;
      case 'registered':
        current.connections.set(event.index, {
          edge: visibleText(event.location, { max: 40 }),
          transport: event.protocol,
          since: timestamp(clock),
        });
        void poll(current);
        return;
      case 'lost':
        if (event.index !== undefined) current.connections.delete(event.index);
        void poll(current);
        return;
      case 'pushed': {
        const foreign = foreignServices(event.config, ownUrl());
        if (foreign.length > 0) alarm(foreign, current);
        return;
      }
      default: {
        const fault = faultOf(event);
        // Behind walls cloudflared only knows that a door closed; who dialed for it has said why.
        if (fault && !(walls && event.kind === 'unreachable')) fail(fault);
      }
    }
  };

  /** Looks at `/ready` and `/config`: what counts, whatever the log said. */
  const poll = async (current: Run): Promise<void> => {
    const at = current.metrics;
    if (at === undefined || run !== current) return;
    const [ready, config] = await Promise.all([readReady(at), readConfig(at)]);
    if (run !== current) return;
    const before = current.ready;
    current.ready = ready ?? 0;
    if (current.ready === 0) current.connections.clear();
    if (config !== undefined) {
      const foreign = foreignServices(config, ownUrl());
      if (foreign.length > 0) return alarm(foreign, current);
    }
    // A cloudflared without a route is connected too: only a configuration with one mends that.
    const mended = lastError?.code !== 'tunnel_unrouted' || leadsHere(config, ownUrl());
    if (current.ready > 0 && lastError && mended) {
      lastError = undefined;
      changed();
    } else if (before !== current.ready) changed();
  };

  const ownUrl = (): string => `http://127.0.0.1:${listener?.port ?? 0}`;

  /** QUIC finds dead connections in seconds; where UDP is blocked, cloudflared would look for minutes. So it is asked first. */
  const chooseTransport = async (): Promise<'http2' | 'quic'> => {
    if (deps.protocol === undefined || deps.protocol === 'http2') return 'http2';
    const through = await (deps.udpReaches ?? (() => udpReaches(clock, deps.edges)))();
    if (!through) note('No answer by UDP from the tunnel’s edge at port 7844.');
    return through || deps.protocol === 'quic' ? 'quic' : 'http2';
  };

  /** Walls where they can be had; else why they cannot, which the status then says. */
  const raiseWalls = async (to: WebSocketListener): Promise<void> => {
    const containment =
      deps.protocol === 'quic' ? ({ ok: false, why: quicIsChosen } as const) : await deps.containment();
    notContained = containment.ok ? undefined : containment.why;
    if (!containment.ok || walls) return;
    walls = await openWalls({
      containment,
      folder: deps.folder,
      listener: to,
      edges: deps.edges,
      endpoint: deps.endpoint,
      onUnreachable: (error) => fail(asEdgeFault(error)),
    });
  };

  const startRun = async (to: WebSocketListener): Promise<Run> => {
    const found = await findCloudflared(deps.chosen, deps.environment.PATH ?? '');
    version = found.version;
    await raiseWalls(to);
    transport = walls ? 'http2' : await chooseTransport();
    const orders: Orders = {
      folder: deps.folder,
      token: deps.token(),
      url: ownUrl(),
      transport,
      metrics: walls?.metrics.inside ?? '127.0.0.1:0',
      edges: walls?.edges ?? deps.edges ?? [],
      edgeCa: deps.edgeCa,
    };
    const start = {
      command: found.path,
      args: await argumentsOf(orders),
      env: environmentOf(orders, deps.environment),
      cwd: deps.folder,
    };
    const child = await deps.startChild({ ...((await walls?.around(start)) ?? start), clock });
    const current: Run = { child, connections: new Map(), ready: 0 };
    child.stdout.resume();
    child.stdout.on('error', () => {});
    const lines = createInterface({ input: child.stderr });
    lines.on('error', () => {});
    lines.on('line', (line) => onEvent(readLogLine(line.slice(0, 65_536)), current));
    return current;
  };

  /** Starts the child again and again, until told to stop or overridden. */
  const hold = async (onConnection: Handler, signal: AbortSignal): Promise<void> => {
    const backOff = createBackOff(clock, deps.random ?? Math.random);
    let crashes = 0;
    while (!signal.aborted && !overridden) {
      let hopeless = false;
      try {
        listener ??= await openWebSocketListener({
          port: deps.listen,
          clock,
          label: 'cloudflared',
          onConnection,
          ...(deps.onUpgrade ? { onUpgrade: deps.onUpgrade } : {}),
          ...(deps.isProbe ? { isProbe: deps.isProbe } : {}),
          ...(deps.onTls ? { onTls: deps.onTls } : {}),
        });
        deps.onListening?.(listener.port);
        const startedAt = clock.monotonic();
        const current = await startRun(listener);
        run = current;
        restart = false;
        changed();
        if (signal.aborted) await current.child.stop(0);
        const stopPolling = keepPolling(current);
        const { code, signal: by } = await current.child.exited;
        stopPolling();
        run = undefined;
        if (signal.aborted || overridden) break;
        if (restart) {
          changed();
          continue;
        }
        const quick = clock.monotonic() - startedAt < crashWithinMs;
        crashes = quick ? crashes + 1 : 0;
        if (!quick) backOff.worked(true);
        hopeless = code === 255 || lastError?.code === 'tunnel_token_invalid' || crashes >= crashesToTell;
        if (lastError?.code !== 'tunnel_token_invalid') {
          fail(endedError({ code, signal: by }, crashes >= crashesToTell ? crashes : undefined, lastError));
        }
      } catch (error) {
        const failure = asSallyportError(error, 'tunnel');
        hopeless = failure.code.startsWith('cloudflared_');
        fail(failure);
      }
      if (signal.aborted) break;
      await new Promise<void>((resolve) => {
        const cancel = clock.schedule(backOff.next(hopeless), resolve);
        wake = () => {
          cancel();
          resolve();
        };
      });
    }
    await walls?.close();
    walls = undefined;
    await listener?.close();
    listener = undefined;
  };

  const keepPolling = (current: Run): (() => void) => {
    let over = false;
    let cancel = (): void => {};
    const turn = (): void => {
      cancel = clock.schedule(deps.pollMs ?? (current.ready > 0 ? calmPollMs : eagerPollMs), () => {
        void poll(current).then(() => {
          if (!over) turn();
        });
      });
    };
    turn();
    return () => {
      over = true;
      cancel();
    };
  };

  const restartNow = (graceMs: number): void => {
    wake();
    if (!run || overridden) return;
    restart = true;
    void run.child.stop(graceMs);
  };

  return {
    start(onConnection) {
      if (stopping) return;
      stopping = new AbortController();
      if (overridden) fail(overridden);
      held = hold(onConnection, stopping.signal);
      void otherCloudflareds(deps.environment.HOME).then((found) => {
        others = found;
        changed();
      });
      changed();
    },
    status(): ConnectorStatus {
      if (!stopping) return { state: 'off', connections: [] };
      const remarks = [
        ...(version ? [`cloudflared ${version}${transport === 'quic' ? ', by QUIC' : ''}`] : []),
        ...(walls ? [contained] : []),
        ...(notContained === undefined ? [] : [`Not contained: ${notContained}. ${whatThatMeans}`]),
        ...others,
      ];
      const connections = [...(run?.connections.values() ?? [])];
      const said = { remarks, ...(run ? { contained: walls !== undefined } : {}) };
      const routed = !overridden && lastError?.code !== 'tunnel_unrouted';
      if (run && run.ready > 0 && routed) return { state: 'connected', connections, ...said };
      // The alarm stands, whatever a look at /ready that was under way says afterwards.
      const trouble = overridden ?? lastError;
      if (trouble) return { state: 'trouble', connections: [], error: trouble.toShape(), ...said };
      return { state: 'connecting', connections: [], ...said };
    },
    onChange(tell) {
      listeners.add(tell);
      return () => listeners.delete(tell);
    },
    // Its HTTP/2 connections have no pings of their own: after sleep they would seem alive for minutes.
    retryNow: () => restartNow(500),
    restart: restartNow,
    async stop(graceMs = 5_000) {
      if (!stopping) return;
      stopping.abort();
      wake();
      await run?.child.stop(graceMs);
      await held;
      stopping = undefined;
      run = undefined;
      lastError = undefined;
      changed();
    },
  };
}

/** What was met on the way to the edge, dialed for cloudflared. */
function asEdgeFault(error: Error): SallyportError {
  return error instanceof SallyportError ? error : unreachable(error.message);
}

type Handler = (stream: Duplex, peer: PeerInfo) => void;
