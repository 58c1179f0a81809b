import { X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import type { Clock } from '../../../shared/clock.ts';
import { asSallyportError, SallyportError } from '../../../shared/errors.ts';
import type { Secrets } from '../../secrets/secrets.ts';
import {
  type AuthorityStore,
  type AuthorityView,
  openAuthorityStore,
  type RotationStep,
  readCertificateFile,
  writeCertificateFile,
} from './authority-store.ts';
import { certificateNames, isDnsName } from './certificate-names.ts';
import { certificateFingerprint, privateKeyPin, publicKeyPin } from './fingerprint.ts';
import { issueServerCertificate } from './issue-certificate.ts';

/** The server certificate in use, as inner TLS takes it. */
export interface CurrentCertificate {
  /** PEM chain, the server's certificate first. */
  readonly cert: string;
  /** Private key, PKCS#8 PEM. Never logged, never sent. */
  readonly key: string;
  /** SHA-256 over the certificate, lower-case hex. */
  readonly fingerprint: string;
  /** Pin of its public key (base64url SHA-256 of the SubjectPublicKeyInfo): the outside probe compares it. */
  readonly pin: string;
  /** RFC 3339 UTC. */
  readonly notAfter: string;
}

/** The app's certificates for one domain: its own authority and the server certificate that it signed. */
export interface AppCertificates {
  current(): CurrentCertificate;
  /** The authority that signs now. */
  ca(): AuthorityView;
  /** All authorities that agents should trust: during a change there are two, the one that signs first. */
  authorities: AuthorityStore['all'];
  /** A step of changing the authority. @throws SallyportError see {@link AuthorityStore.rotate} */
  rotate(step: RotationStep): Promise<void>;
  /** Calls `listener` with each renewed certificate; the function returned ends that. */
  onChange(listener: (certificate: CurrentCertificate) => void): () => void;
  /** Ends the renewal timer. */
  close(): void;
}

/** What {@link createAppCertificates} needs. */
export interface AppCertificatesDeps {
  /** Domain of every URL; the authority is made for it and signs nothing but it, `localhost` and addresses. */
  readonly domain: string;
  /** Names and addresses of the server certificate; default {@link defaultHosts}. */
  readonly hosts?: readonly string[];
  /**
   * Whether the authority carries critical name constraints (default). Not so for one that is registered with Anthropic:
   * nothing but that tunnel trusts it, and their published rules do not speak of constraints.
   */
  readonly constrained?: boolean;
  readonly secrets: Secrets;
  /** `<data>/pki`: certificates only; made if it is not there. */
  readonly folder: string;
  readonly clock: Clock;
  /** A renewal that failed. The certificate in use stays, and another try follows within the hour. */
  readonly onTrouble?: (error: SallyportError) => void;
}

/** How often the age of the certificate is looked at, at most: timers sleep with the machine and cannot count 60 days. */
const checkEveryMs = 12 * 3_600_000;
const retryMs = 3_600_000;

/** Names of a domain's server certificate: for `localhost` its loopback addresses too. */
export function defaultHosts(domain: string): readonly string[] {
  return domain === 'localhost' ? ['localhost', '127.0.0.1', '::1'] : [domain];
}

/**
 * Opens the app's certificates for a domain, made on first use. Private keys are in secrets only, under
 * `pki:<domain>:ca-key` and `pki:<domain>:server-key:<pin>`; certificates are `<domain>.ca.pem` and `<domain>.server.pem`.
 * The server certificate is renewed at two thirds of its life.
 * @throws SallyportError at hop `app`: `certificate_key_missing` where the CA certificate is there and its key is not
 *   (never a new authority in its place, `security.md` S21), what {@link loadAuthority} throws, what secrets throw,
 *   `certificate_authority_expired`, `bad_certificate_name`, `certificate_folder_unwritable`
 */
export async function createAppCertificates(deps: AppCertificatesDeps): Promise<AppCertificates> {
  const { domain, secrets, folder, clock } = deps;
  if (!isDnsName(domain)) {
    throw new SallyportError('bad_certificate_name', 'app', `${JSON.stringify(domain)} is no domain name.`);
  }
  const hosts = deps.hosts ?? defaultHosts(domain);
  const files = { server: join(folder, `${domain}.server.pem`) };
  const keyNames = { server: (pin: string) => `pki:${domain}:server-key:${pin}` };
  const listeners = new Set<(certificate: CurrentCertificate) => void>();
  let closed = false;
  let cancelTimer = (): void => {};

  const store = async (path: string, pem: string): Promise<void> => await writeCertificateFile(folder, path, pem);

  const authorities = await openAuthorityStore({ ...deps, constrained: deps.constrained !== false });

  const issue = async (): Promise<CurrentCertificate> => {
    const issued = await issueServerCertificate({ authority: authorities.active(), hosts, now: clock.now() });
    // Key before certificate, named by its pin: at every moment the certificate on disk has its key.
    await secrets.set(keyNames.server(issued.pin), issued.keyPem);
    await store(files.server, issued.pem);
    for (const name of secrets.names(keyNames.server(''))) {
      // A key that is not needed any more and stays a while longer does no harm; failing the renewal for it would.
      if (name !== keyNames.server(issued.pin)) await secrets.delete(name).catch(() => {});
    }
    return describe(issued.pem, issued.keyPem);
  };

  /** The stored certificate, unless it is unfit: damaged, of another authority, for other names, or without its key. */
  const loadServer = async (): Promise<CurrentCertificate | undefined> => {
    const pem = await readCertificateFile(files.server);
    if (pem === undefined) return undefined;
    let certificate: X509Certificate;
    try {
      certificate = new X509Certificate(pem);
    } catch {
      return undefined;
    }
    if (!certificate.verify(new X509Certificate(authorities.active().pem).publicKey)) return undefined;
    const wanted = certificateNames(hosts);
    const covered = (text: string): boolean => (certificate.subjectAltName ?? '').split(', ').includes(text);
    const all =
      wanted.dns.every((name) => covered(`DNS:${name}`)) &&
      wanted.ip.every((address) => certificate.checkIP(address) !== undefined);
    if (!all) return undefined;
    const key = await secrets.get(keyNames.server(publicKeyPin(certificate)));
    return key !== undefined && privateKeyPin(key) === publicKeyPin(certificate) ? describe(pem, key) : undefined;
  };

  const renewAt = (certificate: CurrentCertificate): number => {
    const { validFrom, validTo } = new X509Certificate(certificate.cert);
    const from = Date.parse(validFrom);
    return from + ((Date.parse(validTo) - from) * 2) / 3;
  };

  let current = await loadServer();
  if (current === undefined || renewAt(current) <= clock.now()) {
    try {
      current = await issue();
    } catch (error) {
      // One that is still good serves on; the timer tries again.
      if (current === undefined || Date.parse(current.notAfter) <= clock.now()) throw error;
      deps.onTrouble?.(asSallyportError(error));
    }
  }
  let inUse: CurrentCertificate = current;

  const watch = (waitMs: number): void => {
    if (closed) return;
    cancelTimer = clock.schedule(waitMs, () => {
      if (renewAt(inUse) > clock.now()) return watch(untilRenewal());
      issue().then(
        (renewed) => {
          if (closed) return;
          inUse = renewed;
          watch(untilRenewal());
          for (const listener of listeners) listener(renewed);
        },
        (error: unknown) => {
          if (closed) return;
          watch(retryMs);
          deps.onTrouble?.(asSallyportError(error));
        },
      );
    });
  };
  const untilRenewal = (): number => Math.min(checkEveryMs, Math.max(retryMs, renewAt(inUse) - clock.now()));
  watch(untilRenewal());

  return {
    current: () => inUse,
    ca() {
      const [active] = authorities.all();
      if (!active) throw new TypeError('there is always an active authority');
      const { pem, fingerprint, notAfter } = active;
      return { pem, fingerprint, notAfter };
    },
    authorities: authorities.all,
    async rotate(step) {
      await authorities.rotate(step);
      if (step !== 'switch') return;
      inUse = await issue();
      watch(untilRenewal());
      for (const listener of listeners) listener(inUse);
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close() {
      closed = true;
      cancelTimer();
      listeners.clear();
    },
  };
}

function describe(pem: string, key: string): CurrentCertificate {
  const certificate = new X509Certificate(pem);
  return {
    cert: pem,
    key,
    fingerprint: certificateFingerprint(certificate),
    pin: publicKeyPin(certificate),
    notAfter: new Date(certificate.validTo).toISOString(),
  };
}
