import { X509Certificate } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createSecureContext } from 'node:tls';
import * as z from 'zod';
import type { Clock } from '../../../shared/clock.ts';
import { asSallyportError, SallyportError } from '../../../shared/errors.ts';
import type { Secrets } from '../../secrets/secrets.ts';
import { writeDurably } from '../../state/durable-file.ts';
import type { Network } from '../connectors/network.ts';
import type { CurrentCertificate } from '../pki/app-certificates.ts';
import { certificateFingerprint, privateKeyPin, publicKeyPin } from '../pki/fingerprint.ts';
import { exportPrivateKey, generateKeyPair } from '../pki/key-pair.ts';
import { type OrderCertificate, type OrderRequest, RateLimitedError } from './order.ts';

/** What settings keep of a public certificate. */
export interface PublicCertificateChoice {
  readonly domain: string;
  /** ACME directory of the authority. */
  readonly directory: string;
  readonly email?: string | undefined;
  readonly termsAgreed: boolean;
}

/** What {@link openPublicCertificate} needs. */
export interface PublicCertificateDeps {
  readonly choice: PublicCertificateChoice;
  readonly secrets: Secrets;
  /** `<data>/pki`. */
  readonly folder: string;
  readonly clock: Clock;
  readonly network: Network;
  readonly present: OrderRequest['present'];
  readonly order: OrderCertificate;
  /** A renewal that failed; another try follows by itself. */
  readonly onTrouble: (error: SallyportError) => void;
  /** A certificate came: it serves from now on. */
  readonly onRenewed: () => void;
}

/** How a public certificate stands. */
export interface PublicCertificateStatus {
  /** RFC 3339 UTC: when it is renewed, or the next try is made. */
  readonly renewAt: string;
  /** Why the newest try failed. */
  readonly lastError?: string;
  readonly account?: string;
  readonly caaIdentities: readonly string[];
}

/** The public certificate of a domain: kept, and renewed in time. */
export interface PublicCertificate {
  /** The certificate to serve; none until the first came, and none once it ended: the app's own serves then. */
  current(): CurrentCertificate | undefined;
  status(): PublicCertificateStatus;
  /**
   * Orders now, because a person asked.
   * @throws SallyportError what ordering throws; `certificate_wait` where that would run into the authority's limits
   */
  orderNow(): Promise<void>;
  close(): void;
}

const hour = 3_600_000;
/** How often the age is looked at, at most: timers sleep with the machine. */
const checkEveryMs = 12 * hour;
/** After a failure: an hour, then twice as long each time, a day at most. Five failures an hour are the usual limit. */
const firstWaitMs = hour;
const longestWaitMs = 24 * hour;
/** A person may ask sooner than that, but not faster than this. */
const askedWaitMs = 12 * 60_000;
/** Certificates of one name within a week; five is the usual limit of authorities. */
const maxAWeek = 4;

const stateSchema = z.object({
  account: z.string().optional(),
  caaIdentities: z.array(z.string()),
  /** When certificates came, newest last. */
  issued: z.array(z.number()),
  failures: z.number().int(),
  /** When the next try is made by itself, and when a person may ask, at the earliest. */
  notBefore: z.number().optional(),
  askAfter: z.number().optional(),
  lastError: z.string().optional(),
});
type State = z.infer<typeof stateSchema>;

/** Keys are in secrets: the account's by authority, the certificate's by its pin. */
const accountKeyName = (directory: string): string => `acme:${new URL(directory).host}:account-key`;
const keyPrefix = (domain: string): string => `pki:${domain}:public-key:`;

/**
 * Opens the public certificate of a domain: what is stored serves at once, and where there is none, or it is past two thirds of its
 * life, one is ordered. When tries were made, and when the next may be, is kept in `<domain>.acme.json`: restarts do not run into an
 * authority's limits. The old certificate serves until the new one does.
 */
export async function openPublicCertificate(deps: PublicCertificateDeps): Promise<PublicCertificate> {
  const { choice, clock, secrets, folder } = deps;
  const { domain } = choice;
  const files = { chain: join(folder, `${domain}.public.pem`), state: join(folder, `${domain}.acme.json`) };
  await mkdir(folder, { recursive: true, mode: 0o700 });
  let state = await readState(files.state, choice.directory);
  let serving = await load();
  let cancel = (): void => undefined;
  let closed = false;
  let running: Promise<void> | undefined;

  const usable = (): CurrentCertificate | undefined =>
    serving && Date.parse(serving.notAfter) > clock.now() ? serving : undefined;
  const dueAt = (): number => {
    const renewal = serving ? renewAt(serving.cert) : clock.now();
    return Math.max(renewal, state.notBefore ?? 0);
  };
  const watch = (): void => {
    cancel();
    if (closed) return;
    const wait = Math.min(checkEveryMs, Math.max(0, dueAt() - clock.now()));
    cancel = clock.schedule(wait, () => {
      if (dueAt() > clock.now()) return watch();
      // A failure is kept in the state, and told.
      obtain().catch((error: unknown) => deps.onTrouble(asSallyportError(error)));
    });
  };

  const obtain = (): Promise<void> => {
    running ??= order().finally(() => {
      running = undefined;
      watch();
    });
    return running;
  };

  const order = async (): Promise<void> => {
    try {
      const ordered = await deps.order({
        directory: choice.directory,
        accountKey: await accountKey(),
        ...(choice.email === undefined ? {} : { email: choice.email }),
        domain,
        termsAgreed: choice.termsAgreed,
        present: deps.present,
        network: deps.network,
      });
      const next = judge(ordered.chain, ordered.key);
      await secrets.set(`${keyPrefix(domain)}${next.pin}`, next.key);
      await writeDurably(files.chain, next.cert, 0o644);
      const { account, caaIdentities } = ordered;
      const issued = [...state.issued, clock.now()].slice(-20);
      state = { account, caaIdentities: [...caaIdentities], issued, failures: 0 };
      await save();
      serving = next;
      if (closed) return;
      deps.onRenewed();
      for (const name of secrets.names(keyPrefix(domain))) {
        // A key that is not needed any more and stays a while longer does no harm.
        if (name !== `${keyPrefix(domain)}${next.pin}`) await secrets.delete(name).catch(() => undefined);
      }
    } catch (error) {
      const failures = state.failures + 1;
      const backOff = Math.min(longestWaitMs, firstWaitMs * 2 ** Math.min(failures - 1, 10));
      const asked = error instanceof RateLimitedError ? (error.retryAfterMs ?? longestWaitMs) : 0;
      const notBefore = clock.now() + Math.max(backOff, asked);
      const known = asSallyportError(error);
      // What never got as far as the authority's judgement counts for none of its limits.
      const uncounted = known.code === 'acme_terms' || known.code === 'acme_unreachable';
      const askAfter = asked > 0 ? notBefore : clock.now() + (uncounted ? 0 : askedWaitMs);
      state = { ...state, failures, notBefore, askAfter, lastError: known.message };
      await save();
      throw error;
    }
  };

  /** @throws SallyportError `acme_refused` where what came is not for this name, or does not fit the key */
  function judge(chain: string, key: string): CurrentCertificate {
    try {
      createSecureContext({ cert: chain, key });
      const described = describe(chain, key);
      const certificate = new X509Certificate(chain);
      if (certificate.checkHost(domain) === undefined || privateKeyPin(key) !== described.pin) {
        throw new TypeError('another name or key');
      }
      return described;
    } catch (cause) {
      throw new SallyportError('acme_refused', 'app', `The certificate that came for ${domain} cannot be used.`, {
        hint: 'The one in use stays. Try another authority with --directory.',
        cause,
      });
    }
  }

  async function load(): Promise<CurrentCertificate | undefined> {
    const chain = await readIfThere(files.chain);
    if (chain === undefined) return undefined;
    try {
      const key = await secrets.get(`${keyPrefix(domain)}${publicKeyPin(chain)}`);
      return key === undefined ? undefined : judge(chain, key);
    } catch {
      return undefined;
    }
  }

  async function accountKey(): Promise<string> {
    const name = accountKeyName(choice.directory);
    const stored = await secrets.get(name);
    if (stored !== undefined) return stored;
    const { privateKey } = await generateKeyPair();
    const made = await exportPrivateKey(privateKey);
    await secrets.set(name, made);
    return made;
  }

  async function save(): Promise<void> {
    await writeDurably(files.state, JSON.stringify({ ...state, directory: choice.directory }), 0o600);
  }

  watch();
  return {
    current: usable,
    status: () => ({
      renewAt: new Date(dueAt()).toISOString(),
      ...(state.lastError === undefined ? {} : { lastError: state.lastError }),
      ...(state.account === undefined ? {} : { account: state.account }),
      caaIdentities: state.caaIdentities,
    }),
    async orderNow() {
      if (running !== undefined) {
        await running;
        return;
      }
      const lately = state.issued.filter((at) => at > clock.now() - 7 * 24 * hour).length;
      const earliest = Math.max(
        state.askAfter ?? 0,
        lately >= maxAWeek ? (state.issued.at(-maxAWeek) ?? 0) + 7 * 24 * hour : 0,
      );
      if (earliest > clock.now()) {
        throw new SallyportError(
          'certificate_wait',
          'app',
          `Authorities limit how often a name is asked for; the next try may be at ${new Date(earliest).toISOString()}.`,
          { hint: state.lastError ?? 'The certificate in use stays.' },
        );
      }
      await obtain();
    },
    close() {
      closed = true;
      cancel();
    },
  };
}

/** Two thirds of its life: 30 days before the end of one of 90. */
function renewAt(chain: string): number {
  const { validFromDate, validToDate } = new X509Certificate(chain);
  const from = validFromDate.getTime();
  return from + ((validToDate.getTime() - from) * 2) / 3;
}

function describe(chain: string, key: string): CurrentCertificate {
  const certificate = new X509Certificate(chain);
  return {
    cert: chain,
    key,
    fingerprint: certificateFingerprint(certificate),
    pin: publicKeyPin(certificate),
    notAfter: certificate.validToDate.toISOString(),
  };
}

/** A state that cannot be read, or is another authority's, is begun anew: it only keeps us polite. */
async function readState(path: string, directory: string): Promise<State> {
  const fresh: State = { caaIdentities: [], issued: [], failures: 0 };
  const text = await readIfThere(path);
  if (text === undefined) return fresh;
  try {
    const json: unknown = JSON.parse(text);
    const parsed = stateSchema.extend({ directory: z.string() }).safeParse(json);
    return parsed.success && parsed.data.directory === directory ? parsed.data : fresh;
  } catch {
    return fresh;
  }
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
