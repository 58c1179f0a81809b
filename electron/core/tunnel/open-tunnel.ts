import type { Duplex } from 'node:stream';
import type { Clock } from '../../shared/clock.ts';
import type { RequestInput } from '../../shared/contract.ts';
import { SallyportError } from '../../shared/errors.ts';
import type { AuthorityView, CertificateView } from '../../shared/views.ts';
import type { Secrets } from '../secrets/secrets.ts';
import type { Settings } from '../settings/settings.ts';
import { checkCaa, type ResolveCaa } from './acme/caa.ts';
import { createChallengeDoor } from './acme/challenge-door.ts';
import { type OrderCertificate, orderCertificate, publicRoots } from './acme/order.ts';
import { openPublicCertificate, type PublicCertificate } from './acme/public-certificate.ts';
import type { PeerInfo } from './connectors/connector.ts';
import { createInnerTls, type InnerRequest, type InnerTlsDeps } from './inner-tls/inner-tls.ts';
import { type CurrentCertificate, createAppCertificates } from './pki/app-certificates.ts';
import type { RotationStep } from './pki/authority-store.ts';
import type { WayIn } from './ways/way.ts';

/** Who is to sign the certificate that agents meet. */
export type CertificateChoice = RequestInput<'tunnel.certificateUse'>;

/** What {@link openTunnel} needs. */
export interface OpenTunnelDeps {
  readonly clock: Clock;
  readonly settings: Settings;
  readonly secrets: Secrets;
  /** `<data>/pki`. */
  readonly folder: string;
  /** Takes each request that inner TLS brought out. */
  readonly onRequest: InnerTlsDeps['onRequest'];
  /** Something to log: a handshake failed, a renewal did not work. Never payload. */
  readonly onNote: (message: string) => void;
  readonly onChange: () => void;
  /** The way's connector changed. */
  readonly onConnector: (wayIn: WayIn) => void;
  /** Another certificate serves: it is to be proven. */
  readonly onRenewed: () => void;
  /** Looks at the bytes of a connection between connector and inner TLS: the proof of the blind middle counts them. */
  readonly observe?: (stream: Duplex, peer: PeerInfo) => Duplex;
  /** Orders public certificates; default by ACME. */
  readonly order?: OrderCertificate;
  /** Looks CAA records up; default by the system's DNS. */
  readonly resolveCaa?: ResolveCaa;
}

/** A way in with inner TLS behind it and the certificates that it serves under. */
export interface OpenTunnel {
  readonly wayIn: WayIn;
  /** Takes connections from now on, and opens the public certificate that settings name. */
  start(): Promise<void>;
  /** The CAs that agents must trust. */
  authority(): AuthorityView;
  /** A step of changing the authority. @throws SallyportError `authority_rotation` */
  rotateAuthority(step: RotationStep): Promise<void>;
  /** What is to be served now: the public certificate while it is good, else our own authority's. */
  served(): CurrentCertificate;
  /** Uses what is to be served now. */
  serve(): void;
  /** Whether that is a public certificate. */
  isPublic(): boolean;
  /** Pins served under now and before: a certificate may change while a probe is under way. */
  pins(): readonly string[];
  /** CAs that vouch for what is served, PEM, for a probe. */
  roots(): string | readonly string[];
  /** What an agent on this machine has to trust, PEM. */
  trusted(): string;
  /** The certificate that agents meet. Asks DNS who else could get one. */
  certificate(): Promise<CertificateView>;
  /** Changes who signs it; a public one is ordered through the tunnel. @throws SallyportError see `Tunnel.useCertificate` */
  useCertificate(choice: CertificateChoice): Promise<void>;
  /** Drains for up to `graceMs`, then ends everything. */
  close(graceMs: number): Promise<void>;
}

/** Puts inner TLS behind a way in. @throws SallyportError what certificates and secrets do not allow; the way is closed then */
export async function openTunnel(deps: OpenTunnelDeps, wayIn: WayIn): Promise<OpenTunnel> {
  try {
    return await assemble(deps, wayIn);
  } catch (error) {
    await wayIn.close(0);
    throw error;
  }
}

async function assemble(deps: OpenTunnelDeps, wayIn: WayIn): Promise<OpenTunnel> {
  const { clock, settings, onNote, onChange } = deps;
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
      onChange();
    },
    onFailure: (error, peer) => {
      onNote([wayIn.onFailure?.(error, peer), error.message].filter((words) => words).join(' '));
      onChange();
    },
  });
  let publicOne: PublicCertificate | undefined;
  let pins: readonly string[] = [certificates.current().pin];
  const served = (): CurrentCertificate => publicOne?.current() ?? certificates.current();
  const isPublic = (): boolean => publicOne?.current() !== undefined;
  const serve = (): void => {
    const next = served();
    if (next.pin === pins[0]) return;
    pins = [next.pin, ...pins].slice(0, 2);
    innerTls.setCertificate(next);
    onChange();
  };
  const stopRenewal = certificates.onChange(serve);
  const stopStatus = wayIn.connector.onChange(() => deps.onConnector(wayIn));

  /** Opens the public certificate that settings name for this domain, if they name one; it serves as soon as there is one. */
  const openPublic = async (): Promise<PublicCertificate | undefined> => {
    const choice = settings.get().tunnel.certificate;
    publicOne?.close();
    publicOne = undefined;
    if (choice?.domain === wayIn.domain && wayIn.network && wayIn.publicName) {
      publicOne = await openPublicCertificate({
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
          deps.onRenewed();
        },
      });
    }
    serve();
    return publicOne;
  };
  const publicTrust = (): string[] => {
    const extra = wayIn.network?.extraCa;
    return [...publicRoots(), ...(extra ? [extra] : [])];
  };
  const authority = (): AuthorityView => {
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
    wayIn,
    async start() {
      wayIn.connector.start((stream, peer) => {
        const bytes = deps.observe?.(stream, peer) ?? stream;
        challenges.sort(bytes, () => innerTls.accept(bytes, peer));
      });
      await openPublic();
    },
    authority,
    rotateAuthority: certificates.rotate,
    served,
    serve,
    isPublic,
    pins: () => pins,
    roots: () => (isPublic() ? publicTrust() : certificates.ca().pem),
    trusted: () => (isPublic() ? publicTrust().join('\n') : authority().pem),
    async certificate() {
      const serving = served();
      const choice = settings.get().tunnel.certificate;
      const status = publicOne?.status();
      const account = status?.account;
      const caa =
        status && account !== undefined
          ? await checkCaa({ domain: wayIn.domain, account, caaIdentities: status.caaIdentities }, deps.resolveCaa)
          : undefined;
      return {
        kind: isPublic() ? 'public' : 'own',
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
        return;
      }
      const kept = before?.domain === wayIn.domain ? before : undefined;
      const directory = choice.directory ?? kept?.directory ?? defaultDirectory;
      needPublicDoor(wayIn, settings.get().tunnel.way, directory);
      const email = choice.email ?? kept?.email;
      const agreedBefore = kept?.directory === directory && kept.termsAgreed;
      const termsAgreed = choice.agreeTerms ?? agreedBefore;
      set({ domain: wayIn.domain, directory, termsAgreed, ...(email === undefined ? {} : { email }) });
      try {
        await (await openPublic())?.orderNow();
      } catch (error) {
        // A first order that failed leaves what was; one that was renewed in vain is tried again by itself.
        if (!isPublic()) {
          set(before);
          await openPublic();
        }
        throw error;
      }
    },
    async close(graceMs) {
      stopRenewal();
      stopStatus();
      certificates.close();
      publicOne?.close();
      // Together: idle connections end with inner TLS, and the connector need not wait for them.
      await Promise.all([innerTls.close(graceMs), wayIn.close(graceMs)]);
    },
  };
}

/** Let's Encrypt, unless another authority is named. */
const defaultDirectory = 'https://acme-v02.api.letsencrypt.org/directory';

/** @throws SallyportError `certificate_not_possible` where no public authority could see that the name leads here */
function needPublicDoor(wayIn: WayIn, way: string, directory: string): void {
  const refuse = (why: string, hint: string): never => {
    throw new SallyportError('certificate_not_possible', 'app', why, { hint });
  };
  if (!wayIn.publicName) {
    refuse(
      `The way in "${way}" has no public name of yours.`,
      'It takes an edge of your own or a forwarder: see sallyport tunnel use.',
    );
  }
  if (wayIn.port !== 443 && new URL(directory).hostname.endsWith('.letsencrypt.org')) {
    refuse(`The authority connects to port 443, and ${wayIn.domain} is at ${wayIn.port}.`, 'Let 443 lead there.');
  }
}

/** The host that a request names, as it stands there. */
function hostOf(request: InnerRequest): string | undefined {
  const authority = request.headers[':authority'];
  return typeof authority === 'string' ? authority : request.headers.host;
}
