import * as http from 'node:http';
import * as https from 'node:https';
import { createParser } from 'eventsource-parser';
import { visibleText } from '../../../shared/visible-text.ts';
import { ServerFailure } from '../failure.ts';
import type { OriginSignIn } from './origin-sign-in.ts';
import { type AddressPin, AddressRefused, type PinnedAddress, pinAddress } from './upstream-address.ts';

/** Largest JSON body, and largest single event of a stream, in bytes (`design.md` §7, results). */
const maxBody = 16 * 1024 * 1024;

/** Connections to one HTTP server: its exact origin, nothing else. */
export interface HttpOrigin {
  readonly url: URL;
  readonly agent: http.Agent;
  /** Name of the server, for messages. */
  readonly name: string;
  /** The person's own headers for this server: its credentials. Never shown. */
  readonly headers: Readonly<Record<string, string>>;
  readonly address: PinnedAddress;
  readonly signIn: OriginSignIn | undefined;
}

/** What goes with each connection to an upstream besides its URL. */
export interface OriginOptions extends AddressPin {
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Certificates in PEM that stand in for the system's: the server's certificate must come from one of these. */
  readonly ca?: string | undefined;
  readonly signIn?: OriginSignIn | undefined;
}

/** One HTTP request. */
export interface HttpExchange {
  readonly method: 'POST' | 'GET' | 'DELETE';
  /** Another path of the same origin. Default: the URL that was entered. */
  readonly url?: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal?: AbortSignal;
  /** Whether it may go out again with a new token after a 401; nothing that could have an effect may (S11). */
  readonly repeatable?: boolean;
  /** Called when the connection stands, right before the first byte leaves. */
  readonly onSent?: () => void;
}

/**
 * @param address the URL exactly as the person entered it
 * @throws ServerFailure `server_not_ready` for a URL that is neither https nor loopback http
 */
export function httpOrigin(address: string, name: string, options: OriginOptions = {}): HttpOrigin {
  const url = URL.parse(address);
  if (!url || (url.protocol !== 'https:' && url.protocol !== 'http:')) {
    throw new ServerFailure('server_not_ready', 'crashed', `${name}: ${visibleText(address)} is no http(s) URL.`);
  }
  const plain = url.protocol === 'http:';
  if (plain && !['127.0.0.1', 'localhost', '[::1]'].includes(url.hostname)) {
    throw new ServerFailure('server_not_ready', 'crashed', `${name}: plain http is for this machine only.`, {
      hint: 'Use https for any other host.',
    });
  }
  const pinned = pinAddress(url, name, options);
  // Shorter than the 5 s after which many servers drop an idle connection: a request on a dying one would be lost, and
  // nothing is ever sent twice (S11).
  const common = { keepAlive: true, timeout: 4_000, lookup: pinned.lookup };
  const agent = plain
    ? new http.Agent(common)
    : new https.Agent({ ...common, minVersion: 'TLSv1.2', ...(options.ca === undefined ? {} : { ca: options.ca }) });
  return { url, agent, name, headers: options.headers ?? {}, address: pinned, signIn: options.signIn };
}

/**
 * Sends one request and waits for the head of its answer. Redirects are refused, so are proxies from the environment.
 * @throws ServerFailure `server_unreachable`
 */
export async function exchange(origin: HttpOrigin, what: HttpExchange): Promise<http.IncomingMessage> {
  const { signIn, name } = origin;
  if (!signIn) return await send(origin, what, undefined);
  const used = await signIn.bearer();
  const response = await send(origin, what, used);
  if (!(await refused(signIn, response, used, false))) return response;
  if (!what.repeatable) {
    throw unreachable(name, 'did not take its access token any more, and gave a new one', 'Call again.');
  }
  const renewed = await signIn.bearer();
  const again = await send(origin, what, renewed);
  await refused(signIn, again, renewed, true);
  return again;
}

/** Whether the server refused the token and there is a new one. @throws ServerFailure `server_needs_authorization` */
async function refused(
  signIn: OriginSignIn,
  response: http.IncomingMessage,
  used: string | undefined,
  last: boolean,
): Promise<boolean> {
  const { statusCode = 0, headers } = response;
  if (statusCode !== 401 && statusCode !== 403) return false;
  try {
    const renewed = await signIn.refused(statusCode, headers['www-authenticate'], used, last);
    if (renewed) response.destroy();
    return renewed;
  } catch (thrown) {
    response.destroy();
    throw thrown;
  }
}

function send(origin: HttpOrigin, what: HttpExchange, bearer: string | undefined): Promise<http.IncomingMessage> {
  const { agent, name } = origin;
  const url = what.url ?? origin.url;
  if (url.origin !== origin.url.origin) throw new Error('a request for another origin');
  return new Promise((resolve, reject) => {
    const secure = url.protocol === 'https:';
    const request = (secure ? https.request : http.request)(url, {
      method: what.method,
      agent,
      headers: {
        // First: what the request itself says is not theirs to change.
        ...origin.headers,
        ...what.headers,
        ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }),
        ...(what.body === undefined ? {} : { 'content-length': String(Buffer.byteLength(what.body)) }),
      },
      ...(what.signal ? { signal: what.signal } : {}),
    });
    let begun = false;
    const begin = (): void => {
      begun = true;
      try {
        what.onSent?.();
      } catch (thrown) {
        // The caller may not let it go out after all, for instance because the log cannot be written.
        reject(thrown);
        request.destroy();
      }
    };
    request.once('socket', (socket) => {
      if (socket.connecting) socket.once(secure ? 'secureConnect' : 'connect', begin);
      else begin();
    });
    request.once('response', (response) => {
      response.on('error', () => {});
      const status = response.statusCode ?? 0;
      if (status >= 300 && status < 400) {
        response.destroy();
        reject(
          unreachable(name, `answered with a redirect (${status}), which is not followed`, 'Enter the final URL.'),
        );
        return;
      }
      resolve(response);
    });
    request.on('error', (error: NodeJS.ErrnoException) => {
      if (!begun) origin.address.forget();
      const untrusted = certificateFault(error);
      const hint = untrusted
        ? 'If it has a certificate of your own CA, add the server again with --ca FILE.'
        : 'Check that it runs, and its URL.';
      reject(unreachable(name, untrusted ?? words(error, url), hint, error));
    });
    request.end(what.body);
  });
}

/** Reads a whole body. @throws ServerFailure `server_wrong_output` beyond 16 MiB, `server_gone` if it breaks off */
export async function readBody(response: http.IncomingMessage, name: string): Promise<Buffer> {
  const parts: Buffer[] = [];
  let length = 0;
  try {
    for await (const part of response as AsyncIterable<Buffer>) {
      length += part.length;
      if (length > maxBody) break;
      parts.push(part);
    }
  } catch (error) {
    throw brokeOff(name, error);
  }
  if (length > maxBody) throw tooLarge(name);
  return Buffer.concat(parts, length);
}

/** What a stream of server-sent events hands over. */
export interface EventSink {
  /** The data of one event, and the newest id so far. */
  onEvent(data: string, id: string | undefined): void;
  /** Milliseconds that the server wants between a break and a new try. */
  onRetry?(milliseconds: number): void;
  /** An event that is no message: its name and data. */
  onOther?(event: string, data: string): void;
}

/**
 * Reads a stream of server-sent events to its end; memory is bounded by one event.
 * @throws ServerFailure `server_wrong_output` for an event beyond 16 MiB or bytes that are no UTF-8, `server_gone` if the
 *   stream breaks off
 */
export async function readEvents(response: http.IncomingMessage, name: string, sink: EventSink): Promise<void> {
  let lastId: string | undefined;
  let failure: ServerFailure | undefined;
  const parser = createParser({
    maxBufferSize: maxBody,
    onId: (id) => {
      lastId = id;
    },
    onEvent: (event) => {
      if (event.id !== undefined) lastId = event.id;
      if (event.event === undefined || event.event === 'message') sink.onEvent(event.data, lastId);
      else sink.onOther?.(event.event, event.data);
    },
    onRetry: (milliseconds) => sink.onRetry?.(milliseconds),
    onError: (error) => {
      if (error.type === 'max-buffer-size-exceeded') failure = tooLarge(name);
    },
  });
  const decoder = new TextDecoder('utf-8', { fatal: true });
  try {
    for await (const part of response as AsyncIterable<Buffer>) {
      let text: string;
      try {
        text = decoder.decode(part, { stream: true });
      } catch {
        failure = new ServerFailure('server_wrong_output', 'wrong-output', `${name} sent bytes that are not UTF-8.`);
        break;
      }
      parser.feed(text);
      if (failure) break;
    }
  } catch (error) {
    if (error instanceof ServerFailure) throw error;
    throw brokeOff(name, error);
  }
  if (failure) throw failure;
}

/** What is wrong with a server's certificate, as a verb phrase. */
function certificateFault(error: NodeJS.ErrnoException): string | undefined {
  const { code = '' } = error;
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return 'shows a certificate for another name';
  if (code === 'CERT_HAS_EXPIRED') return 'shows a certificate that is over';
  if (/SELF_SIGNED|UNABLE_TO_(?:VERIFY|GET_ISSUER)|CERT_|INVALID_CA/.test(code)) {
    return 'shows a certificate that is not trusted here';
  }
  return undefined;
}

function words(error: NodeJS.ErrnoException, url: URL): string {
  const where = url.host;
  if (error.code === 'ECONNREFUSED') return `is not there: nothing listens at ${where}`;
  if (error.code === 'ENOTFOUND') return `is not there: the name ${url.hostname} is unknown`;
  if (error instanceof AddressRefused) return `is not connected to: ${visibleText(error.message, { max: 300 })}`;
  if (error.code === 'ECONNRESET') return `closed the connection before it had answered`;
  return `cannot be reached at ${where}: ${visibleText(error.message, { max: 200 })}`;
}

/** @param what verb phrase that follows the name */
export function unreachable(name: string, what: string, hint: string, cause?: unknown): ServerFailure {
  return new ServerFailure('server_unreachable', 'crashed', `${name} ${what}.`, { hint, cause });
}

function brokeOff(name: string, cause: unknown): ServerFailure {
  return new ServerFailure('server_gone', 'crashed', `${name} broke off its answer.`, { cause });
}

function tooLarge(name: string): ServerFailure {
  const limit = `${maxBody / 1024 / 1024} MiB`;
  return new ServerFailure('server_wrong_output', 'wrong-output', `${name} answered with more than ${limit}.`);
}
