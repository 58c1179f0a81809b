import type { Duplex } from 'node:stream';
import { rootCertificates } from 'node:tls';
import type { Clock } from '../../shared/clock.ts';
import type { RequestInput, RequestOutput } from '../../shared/contract.ts';
import { asSallyportError, SallyportError } from '../../shared/errors.ts';
import type { AuthorityView, CertificateView, TunnelView } from '../../shared/views.ts';
import { visibleText } from '../../shared/visible-text.ts';
import type { Secrets } from '../secrets/secrets.ts';
import type { ServerRecord } from '../servers/servers.ts';
import type { Settings, SettingsData } from '../settings/settings.ts';
import { checkCaa, type ResolveCaa } from './acme/caa.ts';
import { type ChallengeDoor, createChallengeDoor } from './acme/challenge-door.ts';
import { type OrderCertificate, orderCertificate, publicRoots } from './acme/order.ts';
import { openPublicCertificate, type PublicCertificate } from './acme/public-certificate.ts';
import { chooseAnthropic } from './connectors/anthropic/anthropic-choice.ts';
import { type AnthropicWayDeps, openAnthropic } from './connectors/anthropic/anthropic-way.ts';
import type { StartChild } from './connectors/anthropic/cloudflared/supervisor.ts';
import { createRecorder, type Recorder } from './connectors/anthropic/recorder.ts';
import { createTunnelsAccount, type RemoteChange } from './connectors/anthropic/tunnels-api/tunnels-account.ts';
import type { ConnectorStatus, PeerInfo } from './connectors/connector.ts';
import type { MessageChannel, MessageConnector, MessageEntrance } from './connectors/message-connector.ts';
import type { Environment } from './connectors/proxy.ts';
import { createEdgeWitness, type EdgeWitness } from './edge/edge-witness.ts';
import { embeddedDomain } from './edge/embedded-edge.ts';
import { createInnerTls, type InnerRequest, type InnerTls, type InnerTlsDeps } from './inner-tls/inner-tls.ts';
import {
  channelsOf,
  chooseOpenAi,
  type OpenAiSettings,
  type OpenAiWayDeps,
  openAiSees,
  openAiSeesNot,
  openOpenAi,
} from './openai-way.ts';
import { type AppCertificates, type CurrentCertificate, createAppCertificates } from './pki/app-certificates.ts';
import type { RotationStep } from './pki/authority-store.ts';
import { meetsForged, type Probe, type ProbeTarget, probeOutside } from './probe.ts';
import { isWithheld } from './readable-way.ts';
import { watchWake } from './wake-watchdog.ts';
import { forwardNameNeeded, joinWay, openEdge, openEmbedded, openForward, type WayIn } from './way-in.ts';

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
  readonly entrance: Pick<MessageEntrance, 'metadata' | 'receive'> & {
    records(): readonly ServerRecord[];
    /** @throws SallyportError `server_not_found` */
    slugOf(name: string): string;
  };
  /** Names proxies and CAs for the way to an edge (`docs/cli.md`, Environment), and is what cloudflared is found by. */
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
  readonly containment: AnthropicWayDeps['containment'];
  /** Where browsers let agents in, where that is not the tunnel's own name. */
  readonly pageOrigin?: () => string | undefined;
  /** Slugs of the servers that are shared now. */
  readonly sharedSlugs: () => readonly string[];
}

/** A way in to change to, with what it needs the first time. */
export type TunnelChoice = RequestInput<'tunnel.use'>;

/** Who is to sign the certificate that agents meet. */
export type CertificateChoice = RequestInput<'tunnel.certificateUse'>;

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
  readonly challenges: ChallengeDoor;
  /** Uses what is to be served now. */
  readonly serve: () => void;
  publicOne?: PublicCertificate | undefined;
  readonly stopListening: () => void;
}

/** Makes the station. */
export function createTunnel(deps: TunnelDeps): Tunnel {
  const { clock, settings, onNote } = deps;
  const listeners = new Set<() => void>();
  const recorder = createRecorder(clock);
  const witness = createEdgeWitness(clock);
  const account = createTunnelsAccount(deps);
  let open: Open | undefined;
  let messages: MessageConnector | undefined;
  let missing: SallyportError | undefined;
  let probe: Probe | undefined;
  let probing: Promise<Probe> | undefined;
  let cancelProbe = (): void => {};
  let downSince: number | undefined;
  let stopped = false;
  /** Pins served under now and before: a certificate may change while a probe is under way. */
  let pins: readonly string[] = [];
  let alarm: string | undefined;
  // Sleep and a clock that was set leave connections that look alive: ask them, and dial at once what is down.
  const stopWatchdog = watchWake(clock, (missingMs) => {
    if (!open) return;
    onNote(`Time moved by ${(missingMs / 1_000).toFixed(0)} s without us: the tunnel is checked.`);
    retryNow();
  });
  const retryNow = (): void => {
    open?.wayIn.connector.retryNow();
    messages?.retryNow();
    if (open) probeIn(0);
  };

  const changed = (): void => {
    for (const listener of listeners) listener();
  };
  const need = (): Open => {
    if (open) return open;
    throw new SallyportError('tunnel_off', 'tunnel', 'The tunnel is not up.', {
      hint: 'See `sallyport tunnel status`.',
    });
  };

  /** Hosts of the shared servers, where servers are told apart by host. */
  const hostsOf = (): readonly string[] => deps.sharedSlugs().map((slug) => new URL(urlOf(slug)).host);

  const urlOf = (slug: string): string => {
    const { tunnel, ports } = settings.get();
    if (tunnel.way === 'anthropic') {
      const exact = Object.entries(tunnel.anthropic?.hosts ?? {}).find(([, name]) => name === slug)?.[0];
      return `https://${exact ?? `${slug}.${tunnel.domain}`}/mcp`;
    }
    const named = { edge: tunnel.edge?.port, forward: tunnel.forward?.port };
    const chosen = tunnel.way === 'edge' || tunnel.way === 'forward' ? named[tunnel.way] : ports.edge.port;
    const port = open?.wayIn.port ?? chosen ?? 443;
    return `https://${tunnel.domain}${port === 443 ? '' : `:${port}`}/${slug}/mcp`;
  };

  const keepAlarm = (where: string): void => {
    settings.update((current) => {
      const { anthropic } = current.tunnel;
      if (!anthropic) return current;
      return { ...current, tunnel: { ...current.tunnel, anthropic: { ...anthropic, overridden: where } } };
    });
  };
  const openWay = async (): Promise<WayIn> => {
    const { tunnel, ports } = settings.get();
    if (tunnel.way === 'edge') return await openEdge(deps, tunnel.edge);
    if (tunnel.way === 'anthropic' && tunnel.anthropic) {
      return await openAnthropic(
        {
          ...deps,
          recorder,
          routes: hostsOf,
          registeredAs: account.registeredAs(tunnel.anthropic.domain),
          onOverridden: keepAlarm,
        },
        tunnel.anthropic,
      );
    }
    const forward = tunnel.way === 'forward';
    const wayIn = forward
      ? await openForward(deps, tunnel.forward, ports.edge)
      : await openEmbedded(deps, ports.edge, witness.observe);
    const local = wayIn.local ?? wayIn.port;
    // A forwarder is pointed at it, so that it may not move any more.
    const chosenNow = forward && !ports.edge.chosen;
    if (local !== ports.edge.port || chosenNow) {
      settings.update((current) => ({
        ...current,
        ports: {
          ...current.ports,
          edge: { ...current.ports.edge, port: local, ...(chosenNow ? { chosen: true } : {}) },
        },
      }));
    }
    return wayIn;
  };

  const channels = (): readonly MessageChannel[] =>
    channelsOf(deps.entrance.records(), settings.get().tunnel.openai?.main, urlOf);
  const withheld = (): string[] =>
    deps.entrance.records().flatMap((record) => (record.shared && isWithheld(record) ? [record.slug] : []));
  const openAiDeps: OpenAiWayDeps = {
    clock,
    secrets: deps.secrets,
    version: deps.version,
    commandsFile: deps.commandsFile,
    environment: deps.environment,
    onNote,
    entrance: { channels, metadata: deps.entrance.metadata, receive: deps.entrance.receive },
  };

  /** The message-level connector beside the embedded edge, where that is the way; the edge stays for this machine. */
  const startMessages = async (proven: MessageConnector | undefined): Promise<void> => {
    const { tunnel } = settings.get();
    if (tunnel.way !== 'openai' || !tunnel.openai) return;
    try {
      messages = proven ?? (await openOpenAi(openAiDeps, tunnel.openai, { prove: false }));
    } catch (thrown) {
      // A missing key must not keep the app from starting: it is where the key is given.
      missing = asSallyportError(thrown, 'tunnel');
      onNote(missing.message);
      return;
    }
    missing = undefined;
    messages.onChange(changed);
  };

  const start = async (proven?: MessageConnector): Promise<void> => {
    const wayIn = await openWay();
    try {
      const certificates = await createAppCertificates({
        domain: wayIn.domain,
        secrets: deps.secrets,
        folder: deps.folder,
        clock,
        onTrouble: (error) => onNote(error.message),
        ...(wayIn.certificateHosts ? { hosts: wayIn.certificateHosts } : {}),
        ...(wayIn.constrained === undefined ? {} : { constrained: wayIn.constrained }),
      });
      const challenges = createChallengeDoor(clock);
      const innerTls = createInnerTls({
        certificate: certificates.current(),
        onRequest(request, response, peer) {
          wayIn.onRequest?.(peer, hostOf(request));
          return deps.onRequest(request, response, peer);
        },
        onSecured: (peer, agreed) => {
          wayIn.onSecured?.(peer, agreed);
          changed();
        },
        onFailure: (error, peer) => {
          onNote([wayIn.onFailure?.(error, peer), error.message].filter((words) => words).join(' '));
          changed();
        },
      });
      pins = [certificates.current().pin];
      const serve = (): void => {
        const next = served();
        if (next.pin === pins[0]) return;
        pins = [next.pin, ...pins].slice(0, 2);
        innerTls.setCertificate(next);
        changed();
      };
      const stopRenewal = certificates.onChange(serve);
      const stopStatus = wayIn.connector.onChange(() => follow(wayIn));
      const stopListening = (): void => {
        stopRenewal();
        stopStatus();
      };
      open = { wayIn, certificates, innerTls, challenges, serve, stopListening };
    } catch (error) {
      await wayIn.close(0);
      throw error;
    }
    const { innerTls, challenges } = open;
    wayIn.connector.start((stream, peer) => {
      const bytes = deps.observe?.(stream, peer) ?? stream;
      challenges.sort(bytes, () => innerTls.accept(bytes, peer));
    });
    await openPublic();
    await startMessages(proven);
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
    const { wayIn, certificates, serve } = need();
    serve();
    const isPublic = open?.publicOne?.current() !== undefined;
    const extra = wayIn.network?.extraCa;
    const target: ProbeTarget = {
      host: wayIn.host,
      port: wayIn.port,
      domain: wayIn.domain,
      ca: isPublic ? [...publicRoots(), ...(extra ? [extra] : [])] : certificates.ca().pem,
      pins: () => pins,
      proxy: wayIn.network?.proxyFor(wayIn),
      ...(wayIn.middle ? { middle: wayIn.middle } : {}),
      ...(wayIn.dialHere ? { dial: () => wayIn.dialHere?.() ?? Promise.reject(new Error('closed')) } : {}),
    };
    probing ??= probeOutside(target, clock).then(async (result) => {
      if (isPublic && result.hop === 'inner-tls') await watchForgery(target);
      probing = undefined;
      probe = ownEndOnly(result);
      probeIn(probeEveryMs);
      changed();
      return probe;
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

  /** What is to be served now: the public certificate while it is good, else our own authority's. */
  const served = (): CurrentCertificate => {
    const { certificates, publicOne } = need();
    return publicOne?.current() ?? certificates.current();
  };

  /** Opens the public certificate that settings name for this domain, if they name one; it serves as soon as there is one. */
  const openPublic = async (): Promise<PublicCertificate | undefined> => {
    const choice = settings.get().tunnel.certificate;
    const here = need();
    here.publicOne?.close();
    here.publicOne = undefined;
    const { wayIn, challenges, serve } = here;
    if (choice?.domain === wayIn.domain && wayIn.network && (wayIn.way === 'edge' || wayIn.way === 'forward')) {
      here.publicOne = await openPublicCertificate({
        choice,
        secrets: deps.secrets,
        folder: deps.folder,
        clock,
        network: wayIn.network,
        present: challenges.present,
        order: deps.order ?? orderCertificate,
        onTrouble: (error) => onNote(`The public certificate was not renewed: ${error.message}`),
        onRenewed: () => {
          serve();
          onNote(`A new public certificate serves ${wayIn.domain}.`);
          probeIn(0);
        },
      });
    }
    serve();
    return here.publicOne;
  };

  /** Through OpenAI nobody can knock from outside: what was proven is our own end, and that polls are answered. */
  const ownEndOnly = (result: Probe): Probe => {
    if (settings.get().tunnel.way !== 'openai' || !result.ok) return result;
    const status = messages?.status() ?? troubleOf(missing);
    if (status && status.connections.length > 0) {
      return { ...result, detail: 'It entered at this machine; OpenAI answers polls, and its part is not proven.' };
    }
    return { ...result, ok: false, hop: 'edge', detail: status?.error?.message ?? 'OpenAI has not answered yet.' };
  };

  const close = async (graceMs: number): Promise<void> => {
    cancelProbe();
    const closing = open;
    const stopping = messages;
    open = undefined;
    messages = undefined;
    await stopping?.stop(graceMs);
    if (!closing) return;
    closing.stopListening();
    closing.certificates.close();
    closing.publicOne?.close();
    // Together: idle connections end with inner TLS, and the connector need not wait for them.
    await Promise.all([closing.innerTls.close(graceMs), closing.wayIn.close(graceMs)]);
    await probing;
    cancelProbe();
  };

  const authority = (): AuthorityView => {
    const { certificates } = need();
    const all = certificates.authorities();
    return {
      ...certificates.ca(),
      pem: all.map((one) => `${one.pem.trimEnd()}\n`).join(''),
      ...(all.length > 1
        ? { authorities: all.map(({ role, fingerprint, notAfter }) => ({ role, fingerprint, notAfter })) }
        : {}),
    };
  };

  return {
    start,
    view() {
      const { tunnel, ports } = settings.get();
      const certificate = open && served();
      const viaOpenAi = tunnel.way === 'openai';
      const status = viaOpenAi ? (messages?.status() ?? troubleOf(missing)) : open?.wayIn.connector.status();
      const unproven = status?.state === 'connected' ? 'Connected to OpenAI, not proven from outside.' : undefined;
      const page = deps.pageOrigin?.();
      const remarks = [
        ...(status?.remarks ?? []),
        ...(page === undefined
          ? []
          : [
              `Agents that ask for access send the browser to ${page}: it must be on this machine. For others make a token: sallyport agents token.`,
            ]),
      ];
      const trouble = [alarm, status?.error?.message, status?.error?.hint].filter((words) => words).join(' ');
      const detail = trouble || (viaOpenAi ? unproven : undefined);
      return {
        way: tunnel.way,
        domain: open?.wayIn.domain ?? tunnel.domain,
        port: open?.wayIn.port ?? (tunnel.way === 'anthropic' ? 443 : (tunnel.edge?.port ?? ports.edge.port)),
        state: status?.state ?? 'off',
        connections: (status?.connections ?? []).map((connection) => ({ ...connection })),
        ...(certificate
          ? {
              certificate: {
                fingerprint: certificate.fingerprint,
                notAfter: certificate.notAfter,
                kind: open?.publicOne?.current() ? ('public' as const) : ('own' as const),
              },
            }
          : {}),
        canSee: viaOpenAi ? openAiSees : [...(open?.wayIn.canSee ?? canSee)],
        cannotSee: viaOpenAi ? openAiSeesNot : cannotSee,
        ...(detail ? { detail } : {}),
        proof: viaOpenAi || open?.wayIn.dialHere ? 'own-end' : 'outside',
        ...(viaOpenAi && tunnel.openai ? { openai: openAiView(tunnel.openai, channels(), withheld()) } : {}),
        ...(open?.wayIn.local === undefined
          ? {}
          : { forward: { host: open.wayIn.host, port: open.wayIn.port, local: open.wayIn.local } }),
        ...(open?.wayIn.checklist ? { checklist: open.wayIn.checklist() } : {}),
        ...(remarks.length > 0 ? { remarks } : {}),
      };
    },
    authority,
    trusted() {
      const { wayIn, publicOne } = need();
      const extra = wayIn.network?.extraCa;
      if (publicOne?.current() === undefined) return authority().pem;
      return [...publicRoots(), ...(extra ? [extra] : [])].join('\n');
    },
    async rotateAuthority(step) {
      await need().certificates.rotate(step);
      changed();
    },
    urlOf,
    issuer() {
      const { tunnel } = settings.get();
      return tunnel.way === 'anthropic' ? `https://auth.${tunnel.domain}` : new URL(urlOf('any')).origin;
    },
    async certificate() {
      const { wayIn, publicOne } = need();
      const serving = served();
      const choice = settings.get().tunnel.certificate;
      const status = publicOne?.status();
      const account = status?.account;
      const caa =
        status && account !== undefined
          ? await checkCaa({ domain: wayIn.domain, account, caaIdentities: status.caaIdentities }, deps.resolveCaa)
          : undefined;
      return {
        kind: publicOne?.current() ? 'public' : 'own',
        domain: wayIn.domain,
        fingerprint: serving.fingerprint,
        notAfter: serving.notAfter,
        ...(publicOne && choice ? { directory: choice.directory } : {}),
        ...(status ? { renewAt: status.renewAt } : {}),
        ...(status?.lastError === undefined ? {} : { lastError: status.lastError }),
        ...(caa ? { caa } : {}),
      };
    },
    async useCertificate(choice) {
      const { wayIn } = need();
      const before = settings.get().tunnel.certificate;
      const set = (certificate: typeof before): void => {
        settings.update((current) => {
          const { certificate: _was, ...tunnel } = current.tunnel;
          return { ...current, tunnel: { ...tunnel, ...(certificate ? { certificate } : {}) } };
        });
      };
      if (choice.kind === 'own') {
        set(undefined);
        await openPublic();
        alarm = undefined;
        probeIn(0);
        return;
      }
      const kept = before?.domain === wayIn.domain ? before : undefined;
      const directory = choice.directory ?? kept?.directory ?? defaultDirectory;
      needPublicDoor(wayIn, directory);
      const email = choice.email ?? kept?.email;
      const agreedBefore = kept?.directory === directory && kept.termsAgreed;
      const termsAgreed = choice.agreeTerms ?? agreedBefore;
      set({ domain: wayIn.domain, directory, termsAgreed, ...(email === undefined ? {} : { email }) });
      try {
        await (await openPublic())?.orderNow();
      } catch (error) {
        // A first order that failed leaves what was; one that was renewed in vain is tried again by itself.
        if (!open?.publicOne?.current()) {
          set(before);
          await openPublic();
        }
        throw error;
      }
    },
    recorder,
    noRoute(host) {
      onNote(`no route for host: ${visibleText(host, { max: 253 })}`);
    },
    keepAddress() {
      const { tunnel, ports } = settings.get();
      if (tunnel.way === 'edge' || tunnel.way === 'anthropic' || ports.edge.chosen) return;
      settings.update((current) => ({
        ...current,
        ports: { ...current.ports, edge: { ...current.ports.edge, chosen: true } },
      }));
    },
    probe: runProbe,
    lastProbe: () => probe,
    async use({ way, join, forward: wantedForward, openai: choice, anthropic: wanted }) {
      const before = settings.get().tunnel;
      const nothingNew = [join, wantedForward, choice, wanted].every((one) => one === undefined);
      if (way === before.way && nothingNew) return false;
      const originBefore = originOf(urlOf);
      // Joining and proving first: where that fails, the old way has not been touched.
      const joined = way === 'edge' && join !== undefined ? await joinWay(deps, join) : undefined;
      if (way === 'edge' && !joined && !before.edge) {
        throw new SallyportError('join_line_needed', 'edge', 'To use an edge, join it first.', {
          hint: 'Run `sallyport edge invite` on the edge and give its line to `sallyport tunnel use edge`.',
        });
      }
      const openai = way === 'openai' ? chooseOpenAi(before.openai, choice ?? {}, deps.entrance.slugOf) : before.openai;
      const proven =
        way === 'openai' && openai
          ? await openOpenAi(openAiDeps, openai, { key: choice?.key, prove: true })
          : undefined;
      const chosen =
        way === 'anthropic'
          ? await chooseAnthropic({ ...deps, setUp: account.setUp }, wanted ?? {}, before.anthropic)
          : undefined;
      const anthropic = chosen ?? before.anthropic;
      const forward = chooseForward(way === 'forward', wantedForward, before.forward);
      await close(stopGraceMs);
      probe = undefined;
      const edge = joined ?? before.edge;
      const named = way === 'edge' ? edge?.domain : way === 'forward' ? forward?.host : undefined;
      const domain = chosen?.domain ?? named ?? embeddedDomain;
      const kept = {
        ...(edge ? { edge } : {}),
        ...(forward ? { forward } : {}),
        ...(openai ? { openai } : {}),
        ...(anthropic ? { anthropic } : {}),
      };
      settings.update((current) => ({ ...current, tunnel: { ...current.tunnel, way, domain, ...kept } }));
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
      return domain !== before.domain || originOf(urlOf) !== originBefore;
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
    publicKeyPin: () => served().pin,
    retryNow,
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async stop() {
      stopped = true;
      stopWatchdog();
      await close(stopGraceMs);
      listeners.clear();
    },
  };
}

/** Let's Encrypt, unless another authority is named. */
const defaultDirectory = 'https://acme-v02.api.letsencrypt.org/directory';

/** @throws SallyportError `certificate_not_possible` where no public authority could see that the name leads here */
function needPublicDoor(wayIn: WayIn, directory: string): void {
  const refuse = (why: string, hint: string): never => {
    throw new SallyportError('certificate_not_possible', 'app', why, { hint });
  };
  if (wayIn.way !== 'edge' && wayIn.way !== 'forward') {
    refuse(
      `The way in "${wayIn.way}" has no public name of yours.`,
      'It takes an edge of your own or a forwarder: see sallyport tunnel use.',
    );
  }
  if (wayIn.port !== 443 && new URL(directory).hostname.endsWith('.letsencrypt.org')) {
    refuse(`The authority connects to port 443, and ${wayIn.domain} is at ${wayIn.port}.`, 'Let 443 lead there.');
  }
}

function originOf(urlOf: (slug: string) => string): string {
  return new URL(urlOf('any')).origin;
}

/** The forwarder's public name and port: as asked for, else as they were. @throws SallyportError `forward_name_needed` */
function chooseForward(
  needed: boolean,
  wanted: TunnelChoice['forward'],
  before: SettingsData['tunnel']['forward'],
): SettingsData['tunnel']['forward'] {
  if (wanted) return { host: wanted.host.toLowerCase(), port: wanted.port ?? 443 };
  if (before || !needed) return before;
  throw forwardNameNeeded();
}

function troubleOf(error: SallyportError | undefined): ConnectorStatus | undefined {
  return error && { state: 'trouble', connections: [], error: error.toShape() };
}

function openAiView(
  { tunnelId, baseUrl, organization, access }: OpenAiSettings,
  channels: readonly MessageChannel[],
  withheld: readonly string[],
): NonNullable<TunnelView['openai']> {
  return {
    tunnelId,
    baseUrl,
    access,
    ...(organization === undefined ? {} : { organization }),
    channels: channels.map(({ name, route }) => ({ channel: name, server: route.record.slug })),
    ...(withheld.length > 0 ? { withheld: [...withheld] } : {}),
  };
}

/** The host that a request names, as it stands there. */
function hostOf(request: InnerRequest): string | undefined {
  const authority = request.headers[':authority'];
  return typeof authority === 'string' ? authority : request.headers.host;
}
