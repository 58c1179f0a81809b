import { Agent, type AgentOptions } from 'node:https';
import { connect as connectTls, getCACertificates, rootCertificates } from 'node:tls';
import { SallyportError } from '../../../shared/errors.ts';
import { visibleText } from '../../../shared/visible-text.ts';
import type { Network } from '../connectors/network.ts';
import { connectThroughProxy } from '../connectors/proxy.ts';
import type { InnerTlsCertificate } from '../inner-tls/inner-tls.ts';
import { exportPrivateKey, generateKeyPair } from '../pki/key-pair.ts';

/** A certificate that is wanted of a certificate authority. */
export interface OrderRequest {
  /** The authority's ACME directory (RFC 8555 §7.1.1), https. */
  readonly directory: string;
  /** Key of the account there, PKCS#8 PEM; an account is made for a key that has none. */
  readonly accountKey: string;
  /** Where the authority may write to; most send nothing. */
  readonly email?: string;
  /** The one DNS name of the certificate. */
  readonly domain: string;
  /** Whether the person agreed to the authority's terms. */
  readonly termsAgreed: boolean;
  /** Serves the challenge's certificate at the public name until what it returns is called. */
  readonly present: (certificate: InnerTlsCertificate) => () => void;
  readonly network: Network;
}

/** What an authority gave. */
export interface OrderedCertificate {
  /** Chain as PEM, the server's certificate first. */
  readonly chain: string;
  /** Its private key, PKCS#8 PEM, made here and never sent. */
  readonly key: string;
  /** URL of the account, for a CAA record (RFC 8657). */
  readonly account: string;
  /** Names by which the authority is allowed in CAA records. */
  readonly caaIdentities: readonly string[];
}

/** Orders one certificate. @throws SallyportError, see {@link orderCertificate} */
export type OrderCertificate = (request: OrderRequest) => Promise<OrderedCertificate>;

/** An authority asked us to wait: how long, in milliseconds, where it said so. */
export class RateLimitedError extends SallyportError {
  readonly retryAfterMs: number | undefined;

  constructor(message: string, retryAfterMs: number | undefined, cause: unknown) {
    super('acme_rate_limited', 'app', message, { hint: 'Sallyport tries again when its time is over.', cause });
    this.retryAfterMs = retryAfterMs;
  }
}

/** Time for one request to the authority, and for a whole order, in milliseconds. */
const requestMs = 30_000;
const orderMs = 300_000;

/** What the authority said last; its library keeps neither status nor headers with its errors. */
interface LastAnswer {
  status?: number;
  type?: string;
  detail?: string;
  retryAfterMs?: number | undefined;
}

type AcmeModule = typeof import('acme-client');

/** Orders go one after the other: the library's way out is one for the process. */
let queue: Promise<unknown> = Promise.resolve();

/**
 * Orders a certificate by TLS-ALPN-01 (RFC 8737). The challenge's certificate stays until the authority has judged, which looks
 * from several places.
 * @throws SallyportError at hop `app`: `acme_unreachable`; `acme_terms` (its terms were not agreed to; the hint has their address);
 *   `acme_rate_limited` ({@link RateLimitedError}); `acme_refused`; at hop `edge`: `acme_challenge_failed` (it could not reach this
 *   machine by the name)
 */
export const orderCertificate: OrderCertificate = (request) => {
  const run = queue.then(
    () => orderNow(request),
    () => orderNow(request),
  );
  queue = run.catch(() => undefined);
  return run;
};

async function orderNow(request: OrderRequest): Promise<OrderedCertificate> {
  // Loaded only when it is needed: it is large, and most starts never order.
  const loaded: AcmeModule & { readonly default?: AcmeModule } = await import('acme-client');
  // A bundler gives a CommonJS module as its default alone, Node gives its names as well.
  const acme = loaded.default ?? loaded;
  const last: LastAnswer = {};
  const http = acme.axios;
  const directory = new URL(request.directory);
  const { defaults } = http;
  // The library would sleep out a Retry-After of hours inside of one request; waiting is our own matter.
  Object.assign(defaults, {
    proxy: false,
    timeout: requestMs,
    maxRedirects: 0,
    maxContentLength: 1_048_576,
    httpsAgent: agentOver(request.network),
  });
  Object.assign((defaults as { acmeSettings?: object }).acmeSettings ?? {}, { retryMaxAttempts: 0 });
  const listener = http.interceptors.response.use((response) => {
    const body = response.data as { type?: unknown; detail?: unknown } | undefined;
    last.status = response.status;
    last.type = typeof body?.type === 'string' ? body.type : '';
    last.detail = typeof body?.detail === 'string' ? visibleText(body.detail, { max: 300 }) : '';
    last.retryAfterMs = retryAfter(response.headers['retry-after']);
    return response;
  });
  const accountKey = Buffer.from(request.accountKey);
  const client = new acme.Client({
    directoryUrl: directory.href,
    accountKey,
    // The first look is a second after the answer; the library's default would wait five.
    backoffMin: 1_000,
    backoffMax: 10_000,
    backoffAttempts: 30,
  });
  let stage: 'account' | 'challenge' | 'order' = 'account';
  let takeAway = (): void => undefined;
  let deadline: NodeJS.Timeout | undefined;
  try {
    const outOfTime = new Promise<never>((_resolve, reject) => {
      deadline = setTimeout(() => reject(new Error('the order took too long')), orderMs);
      deadline.unref();
    });
    return await Promise.race([perform(), outOfTime]);
  } catch (error) {
    throw translate(error, stage, last, directory.host, request.domain);
  } finally {
    clearTimeout(deadline);
    takeAway();
    http.interceptors.response.eject(listener);
  }

  async function perform(): Promise<OrderedCertificate> {
    const meta = await directoryMeta();
    if (meta.terms !== undefined && !request.termsAgreed) {
      throw new SallyportError('acme_terms', 'app', `${directory.host} has terms that must be agreed to.`, {
        hint: `Read ${visibleText(meta.terms, { max: 300 })}, then add --agree-terms.`,
      });
    }
    const contact = request.email === undefined ? {} : { contact: [`mailto:${request.email}`] };
    await client.createAccount({ termsOfServiceAgreed: true, ...contact });
    stage = 'order';
    const order = await client.createOrder({ identifiers: [{ type: 'dns', value: request.domain }] });
    for (const authorization of await client.getAuthorizations(order)) {
      if (authorization.status === 'valid') continue;
      const challenge = authorization.challenges.find((one) => String(one.type) === 'tls-alpn-01');
      if (!challenge) {
        throw new SallyportError('acme_refused', 'app', `${directory.host} does not offer TLS-ALPN-01.`, {
          hint: 'Choose another authority with --directory.',
        });
      }
      stage = 'challenge';
      const keyAuthorization = await client.getChallengeKeyAuthorization(challenge);
      const own = await acme.crypto.createPrivateEcdsaKey('P-256');
      const [key, cert] = await acme.crypto.createAlpnCertificate(authorization, keyAuthorization, own);
      takeAway = request.present({ key: String(key), cert: String(cert) });
      await client.completeChallenge(challenge);
      await client.waitForValidStatus(challenge);
      takeAway();
      stage = 'order';
    }
    const { privateKey } = await generateKeyPair();
    const key = await exportPrivateKey(privateKey);
    const [, csr] = await acme.crypto.createCsr({ altNames: [request.domain] }, key);
    const finalized = await client.finalizeOrder(order, csr);
    const chain = await client.getCertificate(finalized);
    return { chain, key, account: client.getAccountUrl(), caaIdentities: meta.caaIdentities };
  }

  async function directoryMeta(): Promise<{ terms: string | undefined; caaIdentities: string[] }> {
    const { data, status } = await http.get(directory.href);
    const meta: unknown = (data as { meta?: unknown } | null)?.meta;
    if (status !== 200 || typeof data !== 'object') throw new Error(`its directory answered ${status}`);
    const { termsOfService, caaIdentities } = (meta ?? {}) as { termsOfService?: unknown; caaIdentities?: unknown };
    return {
      terms: typeof termsOfService === 'string' ? termsOfService : undefined,
      caaIdentities: Array.isArray(caaIdentities) ? caaIdentities.filter((one) => typeof one === 'string') : [],
    };
  }
}

function translate(
  error: unknown,
  stage: 'account' | 'challenge' | 'order',
  last: LastAnswer,
  host: string,
  domain: string,
): SallyportError {
  if (error instanceof SallyportError) return error;
  const words = last.detail ? `: ${last.detail}` : '';
  if (last.status === 429 || last.type?.endsWith(':rateLimited')) {
    return new RateLimitedError(`${host} wants us to wait${words}`, last.retryAfterMs, error);
  }
  const code = (error as NodeJS.ErrnoException).code;
  if (last.status === undefined || (code && !last.type)) {
    return new SallyportError('acme_unreachable', 'app', `${host} does not answer (${code ?? 'no answer'}).`, {
      hint: 'Check the network, the proxy, and the address of the directory.',
      cause: error,
    });
  }
  if (stage === 'challenge') {
    const why = error instanceof Error ? visibleText(error.message, { max: 300 }) : '';
    return new SallyportError(
      'acme_challenge_failed',
      'edge',
      `${host} could not see that ${domain} leads to this machine: ${why}`,
      { hint: 'It connects to port 443 of that name. See sallyport tunnel probe and sallyport doctor.', cause: error },
    );
  }
  const why = words || (error instanceof Error ? `: ${visibleText(error.message, { max: 300 })}` : '');
  return new SallyportError('acme_refused', 'app', `${host} gave no certificate for ${domain}${why}`, {
    hint: 'Its words say why; a name must be public, and its CAA records must allow this authority.',
    cause: error,
  });
}

/** `Retry-After` in milliseconds: seconds, or a date (RFC 9110 §10.2.3). */
function retryAfter(value: unknown): number | undefined {
  if (typeof value !== 'string') return undefined;
  const seconds = Number(value);
  if (Number.isFinite(seconds)) return Math.max(0, seconds * 1_000);
  const at = Date.parse(value);
  return Number.isNaN(at) ? undefined : Math.max(0, at - Date.now());
}

/** The way to the authority: by the proxy where there is one, trusting what the system and the person trust. */
function agentOver(network: Network): Agent {
  const ca = [...publicRoots(), ...(network.extraCa ? [network.extraCa] : [])];
  const agent = new Agent({ ca, keepAlive: false });
  const direct = agent.createConnection.bind(agent);
  agent.createConnection = (options: AgentOptions & { host?: string; port?: number | string }, created) => {
    const target = { host: options.host ?? '', port: Number(options.port ?? 443) };
    const proxy = network.proxyFor(target);
    if (!proxy) return direct(options, created);
    connectThroughProxy(proxy, target, network.extraCa ? { ca } : {}).then(
      (socket) => created?.(null, connectTls({ socket, servername: target.host, ca })),
      (error: Error) => created?.(error, undefined as never),
    );
    return undefined;
  };
  return agent;
}

/** Roots that the public trusts: Node's own, with those that `NODE_EXTRA_CA_CERTS` adds. */
export function publicRoots(): readonly string[] {
  return typeof getCACertificates === 'function' ? getCACertificates('default') : rootCertificates;
}
