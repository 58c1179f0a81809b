import { rootCertificates } from 'node:tls';
import type { Clock } from '../../shared/clock.ts';
import type { OpenTunnel } from './open-tunnel.ts';
import { meetsForged, type Probe, type ProbeTarget, probeOutside } from './probe.ts';
import type { WayIn } from './ways/way.ts';

/** What {@link createProver} needs. */
export interface ProverDeps {
  readonly clock: Clock;
  /** The tunnel as it is open now. @throws SallyportError `tunnel_off` */
  readonly open: () => OpenTunnel;
  readonly onNote: (message: string) => void;
  readonly onChange: () => void;
  /** Somebody answers at the public door under a certificate that the public trusts, with another key: the alarm of S3. */
  readonly onForged?: ((why: string) => void) | undefined;
  /** What the public trusts when a certificate counts as forged; default: the roots that come with Node. */
  readonly publicRoots?: readonly string[] | undefined;
}

/** Proves the tunnel by real requests that enter by the public door: at regular times, and at once on doubt. */
export interface Prover {
  /** Enters now; while one is under way, it is that one. */
  run(): Promise<Probe>;
  /** The newest. */
  last(): Probe | undefined;
  /** Enters again in so many milliseconds. */
  soon(milliseconds: number): void;
  /** Notes how long the tunnel was away, and proves it again after each change of its connector. */
  follow(wayIn: WayIn): void;
  /** Why somebody else seems to answer under this tunnel's name. */
  alarm(): string | undefined;
  calm(): void;
  /** What was found out is about another way: forgotten. */
  forget(): void;
  /** No more of them until {@link soon}; resolves when the one under way has ended. */
  pause(): Promise<void>;
  /** No more of them at all. */
  stop(): void;
}

const probeEveryMs = 30_000;
const renewedProbeMs = 250;

/** Makes it; nothing is sent yet. */
export function createProver(deps: ProverDeps): Prover {
  const { clock, onNote } = deps;
  let newest: Probe | undefined;
  let probing: Promise<Probe> | undefined;
  let cancel = (): void => {};
  let downSince: number | undefined;
  let stopped = false;
  let alarm: string | undefined;

  const soon = (milliseconds: number): void => {
    cancel();
    if (!stopped) cancel = clock.schedule(milliseconds, () => void run());
  };

  const run = (): Promise<Probe> => {
    const tunnel = deps.open();
    const { wayIn } = tunnel;
    tunnel.serve();
    const isPublic = tunnel.isPublic();
    const target: ProbeTarget = {
      host: wayIn.host,
      port: wayIn.port,
      domain: wayIn.domain,
      ca: tunnel.roots(),
      pins: tunnel.pins,
      proxy: wayIn.network?.proxyFor(wayIn),
      ...(wayIn.middle ? { middle: wayIn.middle } : {}),
      ...(wayIn.dialHere ? { dial: () => wayIn.dialHere?.() ?? Promise.reject(new Error('closed')) } : {}),
    };
    probing ??= probeOutside(target, clock).then(async (result) => {
      if (isPublic && result.hop === 'inner-tls') await watchForgery(target);
      probing = undefined;
      newest = wayIn.judge?.(result) ?? result;
      soon(probeEveryMs);
      deps.onChange();
      return newest;
    });
    return probing;
  };

  /** Agents trust any public authority now, so that a forged certificate would be believed: then everything stops. */
  const watchForgery = async (target: ProbeTarget): Promise<void> => {
    if (!(await meetsForged(target, deps.publicRoots ?? rootCertificates))) return;
    const before = alarm;
    alarm = `Somebody answers at ${target.domain} with a certificate that the public trusts and that is not this machine’s.`;
    if (before === undefined) deps.onForged?.(alarm);
  };

  return {
    run,
    last: () => newest,
    soon,
    follow(wayIn) {
      const { state } = wayIn.connector.status();
      if (state === 'connected' && downSince !== undefined) {
        onNote(`Tunnel back after ${((clock.monotonic() - downSince) / 1_000).toFixed(1)} s.`);
        downSince = undefined;
      } else if (state !== 'connected' && state !== 'off' && newest?.ok) {
        downSince ??= clock.monotonic();
      }
      soon(state === 'connected' ? 0 : renewedProbeMs);
      deps.onChange();
    },
    alarm: () => alarm,
    calm() {
      alarm = undefined;
    },
    forget() {
      newest = undefined;
    },
    async pause() {
      cancel();
      await probing;
      cancel();
    },
    stop() {
      stopped = true;
      cancel();
    },
  };
}
