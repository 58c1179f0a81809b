import type { Duplex } from 'node:stream';
import type { Clock } from '../../shared/clock.ts';
import { SallyportError } from '../../shared/errors.ts';
import type { TunnelView } from '../../shared/views.ts';
import type { Secrets } from '../secrets/secrets.ts';
import type { Settings } from '../settings/settings.ts';
import type { PeerInfo } from './connectors/connector.ts';
import { createEdgeWitness, type EdgeWitness } from './edge/edge-witness.ts';
import { embeddedDomain } from './edge/embedded-edge.ts';
import { createInnerTls, type InnerTls, type InnerTlsDeps } from './inner-tls/inner-tls.ts';
import { type AppCertificates, type AuthorityView, createAppCertificates } from './pki/app-certificates.ts';
import { type Probe, probeOutside } from './probe.ts';
import { joinWay, openEdge, openEmbedded, type WayIn } from './way-in.ts';

/** What {@link createTunnel} needs. */
export interface TunnelDeps {
  readonly clock: Clock;
  readonly settings: Settings;
  readonly secrets: Secrets;
  /** `<data>/pki`. */
  readonly folder: string;
  /** Takes each request that inner TLS brought out. */
  readonly onRequest: InnerTlsDeps['onRequest'];
  /** Something to log: the tunnel came back, a handshake failed, a renewal did not work. Never payload. */
  readonly onNote: (message: string) => void;
  /** Looks at the bytes of a connection between connector and inner TLS: the proof of the blind middle counts them. */
  readonly observe?: (stream: Duplex, peer: PeerInfo) => Duplex;
}

/** The station by which requests come in: the way, inner TLS, certificates, and the probe that proves them. */
export interface Tunnel {
  /** Opens the way that settings name. @throws SallyportError where the port or the secrets do not allow it */
  start(): Promise<void>;
  view(): TunnelView;
  /** The CA that agents must trust. @throws SallyportError `tunnel_off` before {@link start} */
  authority(): AuthorityView;
  /** A shared server's URL, byte for byte: OAuth resource and audience. */
  urlOf(slug: string): string;
  /** From now on the address is part of URLs given out: a busy port is an error, never replaced. */
  keepAddress(): void;
  /** Enters by the public door, now. */
  probe(): Promise<Probe>;
  /** The newest probe. */
  lastProbe(): Probe | undefined;
  /**
   * Changes the way in. Moving to another domain ends what the old one carried; the caller ends its grants.
   * @returns whether the domain changed. @throws SallyportError what joining throws; the old way then stays
   */
  use(way: 'embedded' | 'edge', join?: string): Promise<boolean>;
  /** Pin of the public key that inner TLS serves under. */
  publicKeyPin(): string;
  /** Watches what passes the edge inside this app; with another way in there is nothing to watch from here. */
  watchEdge: EdgeWitness['watch'];
  /** Dials at once instead of waiting out a back-off (wake, network change). */
  retryNow(): void;
  onChange(listener: () => void): () => void;
  stop(): Promise<void>;
}

const probeEveryMs = 30_000;
const renewedProbeMs = 250;
const stopGraceMs = 5_000;

const canSee = ['the name of this tunnel (SNI)', 'sizes and times', 'the agent’s address'];
const cannotSee = ['which servers are shared', 'tools and arguments', 'results', 'tokens'];

/** What is open while the tunnel runs. */
interface Open {
  readonly wayIn: WayIn;
  readonly certificates: AppCertificates;
  readonly innerTls: InnerTls;
  readonly stopListening: () => void;
}

/** Makes the station. */
export function createTunnel(deps: TunnelDeps): Tunnel {
  const { clock, settings, onNote } = deps;
  const listeners = new Set<() => void>();
  const witness = createEdgeWitness(clock);
  let open: Open | undefined;
  let probe: Probe | undefined;
  let probing: Promise<Probe> | undefined;
  let cancelProbe = (): void => {};
  let downSince: number | undefined;
  let stopped = false;

  const changed = (): void => {
    for (const listener of listeners) listener();
  };
  const need = (): Open => {
    if (open) return open;
    throw new SallyportError('tunnel_off', 'tunnel', 'The tunnel is not up.', {
      hint: 'See `sallyport tunnel status`.',
    });
  };

  const openWay = async (): Promise<WayIn> => {
    const { tunnel, ports } = settings.get();
    if (tunnel.way === 'edge') return await openEdge(deps, tunnel.edge);
    const wayIn = await openEmbedded(deps, ports.edge, witness.observe);
    if (wayIn.port !== ports.edge.port) {
      settings.update((current) => ({
        ...current,
        ports: { ...current.ports, edge: { ...current.ports.edge, port: wayIn.port } },
      }));
    }
    return wayIn;
  };

  const start = async (): Promise<void> => {
    const wayIn = await openWay();
    try {
      const certificates = await createAppCertificates({
        domain: wayIn.domain,
        secrets: deps.secrets,
        folder: deps.folder,
        clock,
        onTrouble: (error) => onNote(error.message),
      });
      const innerTls = createInnerTls({
        certificate: certificates.current(),
        onRequest: deps.onRequest,
        onFailure: (error) => onNote(error.message),
      });
      const stopRenewal = certificates.onChange((certificate) => innerTls.setCertificate(certificate));
      const stopStatus = wayIn.connector.onChange(() => follow(wayIn));
      const stopListening = (): void => {
        stopRenewal();
        stopStatus();
      };
      open = { wayIn, certificates, innerTls, stopListening };
    } catch (error) {
      await wayIn.close(0);
      throw error;
    }
    const { innerTls } = open;
    wayIn.connector.start((stream, peer) => innerTls.accept(deps.observe?.(stream, peer) ?? stream, peer));
  };

  /** Notes how long the tunnel was away, and proves it again at once after each change. */
  const follow = (wayIn: WayIn): void => {
    const { state } = wayIn.connector.status();
    if (state === 'connected' && downSince !== undefined) {
      onNote(`Tunnel back after ${((clock.monotonic() - downSince) / 1_000).toFixed(1)} s.`);
      downSince = undefined;
    } else if (state !== 'connected' && state !== 'off' && probe?.ok) {
      downSince ??= clock.monotonic();
    }
    probeIn(state === 'connected' ? 0 : renewedProbeMs);
    changed();
  };

  const probeIn = (milliseconds: number): void => {
    cancelProbe();
    if (!stopped) cancelProbe = clock.schedule(milliseconds, () => void runProbe());
  };

  const runProbe = (): Promise<Probe> => {
    const { wayIn, certificates } = need();
    probing ??= probeOutside(
      {
        host: wayIn.host,
        port: wayIn.port,
        domain: wayIn.domain,
        ca: certificates.ca().pem,
        pin: certificates.current().pin,
      },
      clock,
    ).then((result) => {
      probing = undefined;
      probe = result;
      probeIn(probeEveryMs);
      changed();
      return result;
    });
    return probing;
  };

  const close = async (graceMs: number): Promise<void> => {
    cancelProbe();
    const closing = open;
    open = undefined;
    if (!closing) return;
    closing.stopListening();
    closing.certificates.close();
    // Together: idle connections end with inner TLS, and the connector need not wait for them.
    await Promise.all([closing.innerTls.close(graceMs), closing.wayIn.close(graceMs)]);
    await probing;
    cancelProbe();
  };

  return {
    start,
    view() {
      const { tunnel, ports } = settings.get();
      const status = open?.wayIn.connector.status();
      const certificate = open?.certificates.current();
      return {
        way: tunnel.way,
        domain: open?.wayIn.domain ?? tunnel.domain,
        port: open?.wayIn.port ?? tunnel.edge?.port ?? ports.edge.port,
        state: status?.state ?? 'off',
        connections: (status?.connections ?? []).map((connection) => ({ ...connection })),
        ...(certificate
          ? { certificate: { fingerprint: certificate.fingerprint, notAfter: certificate.notAfter } }
          : {}),
        canSee,
        cannotSee,
        ...(status?.error ? { detail: status.error.message } : {}),
      };
    },
    authority: () => need().certificates.ca(),
    urlOf(slug) {
      const { tunnel, ports } = settings.get();
      const port = open?.wayIn.port ?? (tunnel.way === 'edge' ? tunnel.edge?.port : ports.edge.port) ?? 443;
      return `https://${tunnel.domain}${port === 443 ? '' : `:${port}`}/${slug}/mcp`;
    },
    keepAddress() {
      if (settings.get().tunnel.way !== 'embedded' || settings.get().ports.edge.chosen) return;
      settings.update((current) => ({
        ...current,
        ports: { ...current.ports, edge: { ...current.ports.edge, chosen: true } },
      }));
    },
    probe: runProbe,
    lastProbe: () => probe,
    async use(way, join) {
      const before = settings.get().tunnel;
      if (way === before.way && join === undefined) return false;
      // Joining first: where it fails, the old way has not been touched.
      const joined = way === 'edge' && join !== undefined ? await joinWay(deps, join) : undefined;
      if (way === 'edge' && !joined && !before.edge) {
        throw new SallyportError('join_line_needed', 'edge', 'To use an edge, join it first.', {
          hint: 'Run `sallyport edge invite` on the edge and give its line to `sallyport tunnel use edge`.',
        });
      }
      await close(stopGraceMs);
      probe = undefined;
      const edge = joined ?? before.edge;
      const domain = way === 'edge' && edge ? edge.domain : embeddedDomain;
      settings.update((current) => ({ ...current, tunnel: { way, domain, ...(edge ? { edge } : {}) } }));
      try {
        await start();
      } catch (error) {
        settings.update((current) => ({ ...current, tunnel: before }));
        await start();
        throw error;
      } finally {
        changed();
      }
      return domain !== before.domain;
    },
    watchEdge: witness.watch,
    publicKeyPin: () => need().certificates.current().pin,
    retryNow() {
      open?.wayIn.connector.retryNow();
      if (open) probeIn(0);
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async stop() {
      stopped = true;
      await close(stopGraceMs);
      listeners.clear();
    },
  };
}
