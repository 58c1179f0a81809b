import { access, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Duplex, Readable } from 'node:stream';
import { type Clock, timestamp } from '../../../../../shared/clock.ts';
import { asSallyportError, SallyportError } from '../../../../../shared/errors.ts';
import { visibleText } from '../../../../../shared/visible-text.ts';
import { writeDurably } from '../../../../state/durable-file.ts';
import { createBackOff } from '../../back-off.ts';
import type { Connector, ConnectorStatus, EdgeConnection, PeerInfo } from '../../connector.ts';
import { openWebSocketListener, type WebSocketListener, type WebSocketListenerDeps } from '../listener.ts';
import { findCloudflared } from './find-cloudflared.ts';
import { readConfig, readReady } from './local-status.ts';
import { type LogEvent, readLogLine } from './log-line.ts';
import { foreignServices } from './remote-override.ts';
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
/** What cloudflared itself waits for open streams after SIGTERM. */
const childGrace = '2s';

/** The connector, which can also be told to start its child anew. */
export interface CloudflaredConnector extends Connector {
  /** Ends the child, which gets `graceMs` for what is open, and starts it again at once: it has a new token. */
  restart(graceMs: number): void;
}

/** One run of the child. */
interface Run {
  readonly child: SupervisedChild;
  readonly connections: Map<number, EdgeConnection>;
  metricsPort?: number;
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
  let ownConfigs: readonly string[] = [];
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
        current.metricsPort = event.port;
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
      case 'no-ingress':
        return void fail(
          new SallyportError('tunnel_unrouted', 'tunnel', 'cloudflared has no route: every request gets 503.', {
            hint: 'A pushed configuration took the route away; ask whoever owns the tunnel.',
          }),
        );
      case 'bad-token':
        return void fail(
          new SallyportError('tunnel_token_invalid', 'tunnel', 'Provided Tunnel token is not valid.', {
            hint: 'Copy the token anew and run `sallyport tunnel use anthropic`.',
          }),
        );
      case 'refused-token':
        return void fail(
          new SallyportError('tunnel_token_refused', 'edge', 'The tunnel edge refuses the token.', {
            hint: 'It was rotated or the tunnel archived: copy the new token and run `sallyport tunnel use anthropic`.',
          }),
        );
      case 'unreachable':
        return void fail(
          new SallyportError(
            'tunnel_port_blocked',
            'tunnel',
            `cloudflared does not reach the tunnel edge (${visibleText(event.why, { max: 160 }) || 'no answer'}).`,
            { hint: 'This network may block outgoing TCP connections to port 7844; ask for it to be opened.' },
          ),
        );
      default:
    }
  };

  /** Looks at `/ready` and `/config`: what counts, whatever the log said. */
  const poll = async (current: Run): Promise<void> => {
    const port = current.metricsPort;
    if (port === undefined || run !== current) return;
    const [ready, config] = await Promise.all([readReady(port), readConfig(port)]);
    if (run !== current) return;
    const before = current.ready;
    current.ready = ready ?? 0;
    if (current.ready === 0) current.connections.clear();
    if (config !== undefined) {
      const foreign = foreignServices(config, ownUrl());
      if (foreign.length > 0) return alarm(foreign, current);
    }
    if (current.ready > 0 && lastError) {
      lastError = undefined;
      changed();
    } else if (before !== current.ready) changed();
  };

  const ownUrl = (): string => `http://127.0.0.1:${listener?.port ?? 0}`;

  const childEnvironment = (): Record<string, string> => {
    const kept: Record<string, string> = {
      // Nothing that a cloudflared of the person's own keeps in the home folder is met.
      HOME: deps.folder,
      TUNNEL_TOKEN: deps.token(),
      TUNNEL_MANAGEMENT_DIAGNOSTICS: 'false',
      TUNNEL_NO_PRECHECKS: 'true',
      NO_AUTOUPDATE: 'true',
    };
    for (const name of ['PATH', 'SYSTEMROOT', 'TEMP', 'TMP']) {
      const value = deps.environment[name];
      if (value !== undefined) kept[name] = value;
    }
    return kept;
  };

  /** QUIC finds dead connections in seconds; where UDP is blocked, cloudflared would look for minutes. So it is asked first. */
  const chooseTransport = async (): Promise<'http2' | 'quic'> => {
    if (deps.protocol === undefined || deps.protocol === 'http2') return 'http2';
    const through = await (deps.udpReaches ?? (() => udpReaches(clock, deps.edges)))();
    if (!through) note('No answer by UDP from the tunnel’s edge at port 7844.');
    return through || deps.protocol === 'quic' ? 'quic' : 'http2';
  };

  const startRun = async (): Promise<Run> => {
    const found = await findCloudflared(deps.chosen, deps.environment.PATH ?? '');
    version = found.version;
    const config = join(deps.folder, 'cloudflared.yml');
    await mkdir(deps.folder, { recursive: true, mode: 0o700 });
    // An empty file would be an error to cloudflared; no file, and it would take the person's own configuration.
    await writeDurably(config, 'no-autoupdate: true\n', 0o600);
    const ca = join(deps.folder, 'edge-ca.pem');
    if (deps.edgeCa !== undefined) await writeDurably(ca, deps.edgeCa, 0o600);
    transport = await chooseTransport();
    const child = await deps.startChild({
      command: found.path,
      args: [
        'tunnel',
        ...['--config', config, '--no-autoupdate', '--metrics', '127.0.0.1:0', '--output', 'json'],
        ...['--loglevel', 'info', '--grace-period', childGrace],
        ...(deps.edges ?? []).flatMap((edge) => ['--edge', edge]),
        ...(deps.edgeCa === undefined ? [] : ['--cacert', ca]),
        'run',
        ...['--protocol', transport, '--url', ownUrl()],
      ],
      env: childEnvironment(),
      cwd: deps.folder,
      clock,
    });
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
        });
        deps.onListening?.(listener.port);
        const startedAt = clock.monotonic();
        const current = await startRun();
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
        const told = lastError?.code.startsWith('tunnel_') ? ` ${lastError.message}` : '';
        const how = by ? `ended by ${by}` : `ended with status ${code}`;
        if (lastError?.code !== 'tunnel_token_invalid') {
          fail(
            new SallyportError(
              crashes >= crashesToTell ? 'cloudflared_keeps_ending' : 'cloudflared_ended',
              'tunnel',
              crashes >= crashesToTell
                ? `cloudflared ${how}, the ${crashes}th time in a row.${told}`
                : `cloudflared ${how}.${told}`,
              { hint: lastError?.hint ?? 'It is started again by itself.' },
            ),
          );
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
      void foundOwnConfigs(deps.environment.HOME).then((found) => {
        ownConfigs = found;
        changed();
      });
      changed();
    },
    status(): ConnectorStatus {
      if (!stopping) return { state: 'off', connections: [] };
      const remarks = [
        ...(version ? [`cloudflared ${version}${transport === 'quic' ? ', by QUIC' : ''}`] : []),
        'Not contained: whoever owns the tunnel could have cloudflared connect to other addresses of this network. A pushed configuration is noticed and ends it; single connections are not.',
        ...ownConfigs.map((file) => `${file} is not used: this cloudflared runs with a configuration of its own.`),
      ];
      const connections = [...(run?.connections.values() ?? [])];
      if (run && run.ready > 0 && !overridden) return { state: 'connected', connections, remarks };
      // The alarm stands, whatever a look at /ready that was under way says afterwards.
      const trouble = overridden ?? lastError;
      if (trouble) return { state: 'trouble', connections: [], error: trouble.toShape(), remarks };
      return { state: 'connecting', connections: [], remarks };
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

function overrideError(where: string): SallyportError {
  return new SallyportError(
    'tunnel_overridden',
    'tunnel',
    `The tunnel’s owner pushed a configuration that leads past Sallyport, to ${where}. cloudflared was stopped.`,
    {
      hint: 'Ask whoever owns the tunnel. To use it again all the same, run `sallyport tunnel use anthropic` anew.',
    },
  );
}

type Handler = (stream: Duplex, peer: PeerInfo) => void;

/** Configurations of the person's own cloudflared, where it looks for them by itself. */
async function foundOwnConfigs(home: string | undefined): Promise<readonly string[]> {
  const folders = [
    ...(home === undefined ? [] : ['.cloudflared', '.cloudflare-warp', 'cloudflare-warp'].map((f) => join(home, f))),
    '/etc/cloudflared',
    '/usr/local/etc/cloudflared',
  ];
  const files = folders.flatMap((folder) => [join(folder, 'config.yml'), join(folder, 'config.yaml')]);
  const found = await Promise.all(
    files.map((file) =>
      access(file).then(
        () => [file],
        () => [],
      ),
    ),
  );
  return found.flat();
}
