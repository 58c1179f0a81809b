import * as http from 'node:http';
import * as https from 'node:https';
import type { Clock } from '../../../../../shared/clock.ts';
import { SallyportError } from '../../../../../shared/errors.ts';
import type { Network } from '../../network.ts';
import { parseRetryAfter } from '../../openai-retry.ts';
import { createOutboundAgent } from '../../outbound-agent.ts';

/** How one request reaches Anthropic's API. */
export interface ExchangeDeps {
  /** An https origin, or http on this machine; see {@link parseApiUrl}. */
  readonly url: string;
  readonly clock: Clock;
  readonly version: string;
  /** How this machine gets there. */
  readonly network: () => Promise<Network>;
}

/** An answer of the API. */
export interface ApiAnswer {
  readonly status: number;
  /** The body as JSON, `undefined` where it is none. */
  readonly json: unknown;
  readonly retryAfterMs: number | undefined;
}

/** Where Anthropic's API is. */
export const defaultApiUrl = 'https://api.anthropic.com';
const answerMs = 20_000;
const maxBody = 1_048_576;

/**
 * The API's root as a person may give it.
 * @throws SallyportError `bad_api_url` for anything but an https origin, or http on this machine: a credential goes there
 */
export function parseApiUrl(text: string): string {
  const url = URL.parse(text);
  const local = url !== null && ['127.0.0.1', 'localhost', '[::1]'].includes(url.hostname);
  const bare = url !== null && url.pathname === '/' && url.search === '' && url.hash === '';
  const secure = url?.protocol === 'https:' || (url?.protocol === 'http:' && local);
  if (!url || !bare || url.username !== '' || url.password !== '' || !secure) {
    throw new SallyportError('bad_api_url', 'app', 'The address of the API must be an https origin.', {
      hint: `Give the host only, for instance ${defaultApiUrl}, without a path.`,
    });
  }
  return url.origin;
}

/**
 * One request, sent once. No redirect is followed: the credential goes to this origin alone.
 * @throws SallyportError `tunnel_api_unreachable` at hop `tunnel`; whether the request was carried out is then not known
 */
export async function exchange(
  deps: ExchangeDeps,
  request: {
    readonly method: 'GET' | 'POST';
    readonly path: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly body?: unknown;
  },
): Promise<ApiAnswer> {
  const base = new URL(deps.url);
  const secure = base.protocol === 'https:';
  const body = request.body === undefined ? undefined : Buffer.from(JSON.stringify(request.body));
  const agent = createOutboundAgent(base, await deps.network(), deps.clock);
  const answer = new Promise<ApiAnswer>((resolve, reject) => {
    const fail = (why: string): void => {
      stopTimer();
      outgoing.destroy();
      reject(
        new SallyportError('tunnel_api_unreachable', 'tunnel', `${base.host} cannot be reached: ${why}.`, {
          hint: 'Check the network, then run the same command again: it goes on where it stopped.',
        }),
      );
    };
    const options = {
      method: request.method,
      protocol: base.protocol,
      host: base.hostname.replace(/^\[|\]$/g, ''),
      port: base.port,
      path: request.path,
      headers: {
        accept: 'application/json',
        'user-agent': `sallyport/${deps.version}`,
        ...request.headers,
        ...(body ? { 'content-type': 'application/json', 'content-length': String(body.length) } : {}),
      },
    };
    const outgoing = (secure ? https : http).request({ ...options, agent });
    const stopTimer = deps.clock.schedule(answerMs, () => fail('no answer in time'));
    outgoing.on('error', (error: NodeJS.ErrnoException) => fail(error.code ?? 'the connection failed'));
    outgoing.on('response', (response) => {
      const chunks: Buffer[] = [];
      let size = 0;
      response.on('data', (chunk: Buffer) => {
        size += chunk.length;
        chunks.push(chunk);
        if (size > maxBody) fail('its answer is too large');
      });
      response.on('error', (error: NodeJS.ErrnoException) => fail(error.code ?? 'its answer broke off'));
      response.on('aborted', () => fail('its answer broke off'));
      response.on('end', () => {
        stopTimer();
        resolve({
          status: response.statusCode ?? 0,
          json: parseJson(Buffer.concat(chunks).toString('utf8')),
          retryAfterMs: parseRetryAfter(response.headers['retry-after'], deps.clock.now()),
        });
      });
    });
    outgoing.end(body);
  });
  // One request alone goes this way: nothing is kept open for a next one.
  return await answer.finally(() => agent.destroy());
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
