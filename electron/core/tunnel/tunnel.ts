import type { Duplex } from 'node:stream';
import type { Clock } from '../../shared/clock.ts';
import type { RequestOutput } from '../../shared/contract.ts';
import { asSallyportError, SallyportError } from '../../shared/errors.ts';
import type { AuthorityView, CertificateView, TunnelView } from '../../shared/views.ts';
import { visibleText } from '../../shared/visible-text.ts';
import type { Secrets } from '../secrets/secrets.ts';
import type { Settings } from '../settings/settings.ts';
import type { ResolveCaa } from './acme/caa.ts';
import type { OrderCertificate } from './acme/order.ts';
import type { Containment } from './connectors/anthropic/cloudflared/containment.ts';
import type { StartChild } from './connectors/anthropic/cloudflared/supervisor.ts';
import { createRecorder, type Recorder } from './connectors/anthropic/recorder.ts';
import { createTunnelsAccount, type RemoteChange } from './connectors/anthropic/tunnels-api/tunnels-account.ts';
import type { PeerInfo } from './connectors/connector.ts';
import type { MessageConnector } from './connectors/message-connector.ts';
import type { Network } from './connectors/network.ts';
import type { Environment } from './connectors/proxy.ts';
import { createEdgeWitness, type EdgeWitness } from './edge/edge-witness.ts';
import type { InnerTlsDeps } from './inner-tls/inner-tls.ts';
import { watchNetwork } from './network-watchdog.ts';
import { type CertificateChoice, type OpenTunnel, openTunnel } from './open-tunnel.ts';
import type { RotationStep } from './pki/authority-store.ts';
import type { Probe } from './probe.ts';
import { createProver } from './prover.ts';
import { watchWake, wokeWords } from './wake-watchdog.ts';
import { createAnthropicWay } from './ways/anthropic.ts';
import { createEdgeWay } from './ways/edge.ts';
import { createEmbeddedWay } from './ways/embedded.ts';
import { createForwardWay } from './ways/forward.ts';
import { createOpenAiWay, type OpenAiWayDeps } from './ways/openai.ts';
import type { TunnelChoice, TunnelSettings, Way } from './ways/way.ts';

/** What {@link createTunnel} needs. */
export interface TunnelDeps {
  readonly clock: Clock;
  readonly settings: Settings;
  readonly secrets: Secrets;
  /** `<data>/pki`. */
  readonly folder: string;
  /** `<data>/openai-commands.db`: commands of OpenAI's tunnel that were taken before. */
  readonly commandsFile: string;
  /** Takes each request that inner TLS brought out. */
  readonly onRequest: InnerTlsDeps['onRequest'];
  /** Something to log: the tunnel came back, a handshake failed, a renewal did not work. Never payload. */
  readonly onNote: (message: string) => void;
  readonly version: string;
  /** Where messages enter that a message-level connector brings, and which servers they can reach. */
  readonly entrance: OpenAiWayDeps['entrance'];
  /** How this machine gets out. @throws SallyportError `proxy_invalid`, `ca_file_unreadable` */
  readonly network: () => Promise<Network>;
  /** What cloudflared is found by and started with. */
  readonly environment: Environment;
  /** Looks at the bytes of a connection between connector and inner TLS: the proof of the blind middle counts them. */
  readonly observe?: (stream: Duplex, peer: PeerInfo) => Duplex;
  /** Somebody answers at the public door under a certificate that the public trusts, with another key: the alarm of S3. */
  readonly onForged?: (why: string) => void;
  /** What the public trusts when a certificate counts as forged; default: the roots that come with Node. */
  readonly publicRoots?: readonly string[];
  /** Orders public certificates; default by ACME. */
  readonly order?: OrderCertificate;
  /** Looks CAA records up; default by the system's DNS. */
  readonly resolveCaa?: ResolveCaa;
  /** Starts cloudflared, kept like a server's child. */
  readonly startChild: StartChild;
  /** Whether cloudflared can be contained on this machine. */
  readonly containment: () => Promise<Containment>;
  /** Where browsers let agents in, where that is not the tunnel's own name. */
  readonly pageOrigin?: () => string | undefined;
  /** Slugs of the servers that are shared now. */
  readonly sharedSlugs: () => readonly string[];
}

/** The station by which requests come in: the way, inner TLS, certificates, and the probe that proves them. */
export interface Tunnel {
  /** Opens the way that settings name. @throws SallyportError where the port or the secrets do not allow it */
  start(): Promise<void>;
  view(): TunnelView;
  /** The CAs that agents must trust. @throws SallyportError `tunnel_off` before {@link start} */
  authority(): AuthorityView;
  /** What an agent on this machine has to trust for what is served now, PEM. */
  trusted(): string;
  /** A step of changing the authority. @throws SallyportError `authority_rotation` */
  rotateAuthority(step: RotationStep): Promise<void>;
  /** A shared server's URL, byte for byte: OAuth resource and audience. */
  urlOf(slug: string): string;
  /** Issuer of the authorization server: the origin of every URL, or `auth.` before the domain where each server has its own host. */
  issuer(): string;
  /** From now on the address is part of URLs given out: a busy port is an error, never replaced. */
  keepAddress(): void;
  /** Enters by the public door, now. */
  probe(): Promise<Probe>;
  /** The newest probe. */
  lastProbe(): Probe | undefined;
  /**
   * Changes the way in. OpenAI's is taken only after a poll with the key was answered. Moving to another domain ends what the old one carried; the caller ends its grants.
   * @returns whether the domain changed. @throws SallyportError what joining and proving throw; the old way then stays
   */
  use(choice: TunnelChoice): Promise<boolean>;
  /** The certificate that agents meet. Asks DNS who else could get one. */
  certificate(): Promise<CertificateView>;
  /**
   * Changes who signs it. A public one is ordered through the tunnel, and this resolves when it serves.
   * @throws SallyportError `certificate_not_possible`, `certificate_wait`, what ordering throws; the certificate in use stays
   */
  useCertificate(choice: CertificateChoice): Promise<void>;
  /** Connects anew by the way in use, after the way out was changed. @throws SallyportError where it cannot be opened */
  reopen(): Promise<void>;
  /** The tunnels at Anthropic, by its API. */
  remote(): Promise<RequestOutput<'tunnel.remote'>>;
  /** Changes something there; a rotated token is taken into use. */
  changeRemote(change: RemoteChange): Promise<void>;
  /** Notes metadata of what comes through Anthropic's tunnel. */
  readonly recorder: Recorder;
  /** Told of a host that no route is for, so that it can be noted. */
  noRoute(host: string): void;
  /** Pin of the public key that inner TLS serves under. */
  publicKeyPin(): string;
  /** Watches what passes the edge inside this app; with another way in there is nothing to watch from here. */
  watchEdge: EdgeWitness['watch'];
  /** Dials at once instead of waiting out a back-off (wake, network change). */
  retryNow(): void;
  onChange(listener: () => void): () => void;
  stop(): Promise<void>;
}

const stopGraceMs = 5_000;

const canSee = ['the name of this tunnel (SNI)', 'sizes and times', 'the agent’s address'];
const cannotSee = ['which servers are shared', 'tools and arguments', 'results', 'tokens'];

/** Makes the station. */
export function createTunnel(deps: TunnelDeps): Tunnel {
  const { clock, settings, onNote } = deps;
  const listeners = new Set<() => void>();
  const changed = (): void => {
    for (const listener of listeners) listener();
  };
  const recorder = createRecorder(clock);
  const witness = createEdgeWitness(clock);
  const account = createTunnelsAccount(deps);
  const embedded = { clock, settings, observe: witness.observe };
  const ways: Readonly<Record<TunnelSettings['way'], Way>> = {
    embedded: createEmbeddedWay(embedded),
    edge: createEdgeWay(deps),
    forward: createForwardWay(deps),
    openai: createOpenAiWay({ ...deps, ...embedded, onChange: changed }),
    anthropic: createAnthropicWay({ ...deps, recorder, account }),
  };
  const way = (): Way => ways[settings.get().tunnel.way];
  let open: OpenTunnel | undefined;
  const need = (): OpenTunnel => {
    if (open) return open;
    throw new SallyportError('tunnel_off', 'tunnel', 'The tunnel is not up.', {
      hint: 'See `sallyport tunnel status`.',
    });
  };
  const prover = createProver({
    clock,
    open: need,
    onNote,
    onChange: changed,
    onForged: deps.onForged,
    publicRoots: deps.publicRoots,
  });

  const urlOf = (slug: string): string => way().urlOf(slug, open?.wayIn.port ?? way().port());
  const origin = (): string => new URL(urlOf('any')).origin;

  const retryNow = (): void => {
    if (!open) return;
    const { wayIn } = open;
    if (wayIn.retryNow) wayIn.retryNow();
    else wayIn.connector.retryNow();
    prover.soon(0);
  };
  const stopNetworkWatch = watchNetwork(clock, () => {
    if (!open) return;
    onNote('This machine has other network addresses: the tunnel is checked.');
    retryNow();
  });
  // Sleep and a clock that was set leave connections that look alive: ask them, and dial at once what is down.
  const stopWatchdog = watchWake(clock, (missingMs) => {
    if (!open) return;
    retryNow();
    // Joins the probe that is under way, if one is.
    prover.run().then(
      (result) => onNote(wokeWords(missingMs, clock.now() - result.ms, result)),
      (error: unknown) => onNote(asSallyportError(error, 'tunnel').message),
    );
  });

  const start = async (proven?: MessageConnector): Promise<void> => {
    const opened = await openTunnel(
      {
        ...deps,
        onChange: changed,
        onConnector: prover.follow,
        onRenewed: () => prover.soon(0),
      },
      await way().open(proven),
    );
    open = opened;
    await opened.start();
  };

  const close = async (graceMs: number): Promise<void> => {
    const closing = open;
    open = undefined;
    await Promise.all([closing?.close(graceMs), prover.pause()]);
    await prover.pause();
  };

  return {
    start,
    view() {
      const { tunnel } = settings.get();
      const wayIn = open?.wayIn;
      const { detail: said, ...special } = wayIn?.view?.() ?? {};
      const status = wayIn?.status ? wayIn.status() : wayIn?.connector.status();
      const certificate = open?.served();
      const page = deps.pageOrigin?.();
      const remarks = [
        ...(status?.remarks ?? []),
        ...(page === undefined
          ? []
          : [
              `Agents that ask for access send the browser to ${page}: it must be on this machine. For others make a token: sallyport agents token.`,
            ]),
      ];
      const trouble = [prover.alarm(), status?.error?.message, status?.error?.hint].filter((words) => words).join(' ');
      const detail = trouble || said;
      return {
        way: tunnel.way,
        domain: wayIn?.domain ?? tunnel.domain,
        port: wayIn?.port ?? way().port(),
        state: status?.state ?? 'off',
        connections: (status?.connections ?? []).map((connection) => ({ ...connection })),
        ...(open && certificate
          ? {
              certificate: {
                fingerprint: certificate.fingerprint,
                notAfter: certificate.notAfter,
                kind: open.isPublic() ? ('public' as const) : ('own' as const),
              },
            }
          : {}),
        canSee,
        cannotSee,
        ...(detail ? { detail } : {}),
        proof: 'outside',
        ...special,
        ...(status?.contained === undefined ? {} : { contained: status.contained }),
        ...(remarks.length > 0 ? { remarks } : {}),
      };
    },
    authority: () => need().authority(),
    trusted: () => need().trusted(),
    async rotateAuthority(step) {
      await need().rotateAuthority(step);
      changed();
    },
    urlOf,
    issuer: () => way().issuer?.() ?? origin(),
    certificate: async () => await need().certificate(),
    async useCertificate(choice) {
      await need().useCertificate(choice);
      if (choice.kind === 'public') return;
      prover.calm();
      prover.soon(0);
    },
    recorder,
    noRoute(host) {
      onNote(`no route for host: ${visibleText(host, { max: 253 })}`);
    },
    keepAddress() {
      const { edge } = settings.get().ports;
      if (!way().ownPort || edge.chosen) return;
      settings.update((current) => ({
        ...current,
        ports: { ...current.ports, edge: { ...current.ports.edge, chosen: true } },
      }));
    },
    probe: prover.run,
    lastProbe: prover.last,
    async use(choice) {
      const before = settings.get().tunnel;
      const { way: wanted, ...given } = choice;
      if (wanted === before.way && Object.values(given).every((one) => one === undefined)) return false;
      const originBefore = origin();
      // Joining and proving first: where that fails, the old way has not been touched.
      const { domain, kept, proven } = await ways[wanted].choose(choice, before);
      await close(stopGraceMs);
      prover.forget();
      settings.update((current) => ({ ...current, tunnel: { ...current.tunnel, ...kept, way: wanted, domain } }));
      try {
        await start(proven);
      } catch (error) {
        await proven?.stop(0);
        // What was made at Anthropic meanwhile stays known.
        settings.update((current) => {
          const { anthropicApi } = current.tunnel;
          return { ...current, tunnel: { ...before, ...(anthropicApi ? { anthropicApi } : {}) } };
        });
        await start();
        throw error;
      } finally {
        changed();
      }
      // A URL is the resource that a grant is for: another port moves it as another name does.
      return domain !== before.domain || origin() !== originBefore;
    },
    async reopen() {
      await close(stopGraceMs);
      try {
        await start();
      } finally {
        changed();
      }
    },
    remote: account.list,
    async changeRemote(change) {
      const renewed = await account.change(change);
      if (renewed && settings.get().tunnel.way === 'anthropic' && open?.wayIn.domain === renewed.domain) {
        open.wayIn.renewToken?.(renewed.token);
      }
      changed();
    },
    watchEdge: witness.watch,
    publicKeyPin: () => need().served().pin,
    retryNow,
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async stop() {
      prover.stop();
      stopWatchdog();
      stopNetworkWatch();
      await close(stopGraceMs);
      listeners.clear();
    },
  };
}
