import { lookup as resolveName } from 'node:dns';
import * as http from 'node:http';
import * as https from 'node:https';
import { BlockList, isIPv6, type LookupFunction } from 'node:net';
import { createParser } from 'eventsource-parser';
import { visibleText } from '../../../shared/visible-text.ts';
import { ServerFailure } from '../failure.ts';

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
}

/** One HTTP request. */
export interface HttpExchange {
  readonly method: 'POST' | 'GET' | 'DELETE';
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal?: AbortSignal;
  /** Called when the connection stands, right before the first byte leaves. */
  readonly onSent?: () => void;
}

/**
 * @param address the URL exactly as the person entered it
 * @throws ServerFailure `server_not_ready` for a URL that is neither https nor loopback http
 */
export function httpOrigin(address: string, name: string, headers: Readonly<Record<string, string>> = {}): HttpOrigin {
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
  // Shorter than the 5 s after which many servers drop an idle connection: a request on a dying one would be lost, and
  // nothing is ever sent twice (S11).
  const options = { keepAlive: true, timeout: 4_000 };
  const agent = plain
    ? new http.Agent({ ...options, lookup: lookupLoopback })
    : new https.Agent({ ...options, minVersion: 'TLSv1.2' });
  return { url, agent, name, headers };
}

/**
 * Sends one request and waits for the head of its answer. Redirects are refused, so are proxies from the environment.
 * @throws ServerFailure `server_unreachable`
 */
export function exchange(origin: HttpOrigin, what: HttpExchange): Promise<http.IncomingMessage> {
  const { url, agent, name } = origin;
  return new Promise((resolve, reject) => {
    const secure = url.protocol === 'https:';
    const request = (secure ? https.request : http.request)(url, {
      method: what.method,
      agent,
      headers: {
        // First: what the request itself says is not theirs to change.
        ...origin.headers,
        ...what.headers,
        ...(what.body === undefined ? {} : { 'content-length': String(Buffer.byteLength(what.body)) }),
      },
      ...(what.signal ? { signal: what.signal } : {}),
    });
    const begin = (): void => {
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
      reject(unreachable(name, words(error, url), 'Check that it runs, and its URL.', error));
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
    throw brokeOff(name, error);
  }
  if (failure) throw failure;
}

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

/** Resolves a name for plain http and refuses whatever is not this machine, also when "localhost" was pointed elsewhere. */
const lookupLoopback: LookupFunction = (hostname, options, callback) => {
  resolveName(hostname, { ...options, all: true }, (error, addresses) => {
    if (error) {
      callback(error, '', 0);
      return;
    }
    const own = addresses.filter(({ address }) => loopback.check(address, isIPv6(address) ? 'ipv6' : 'ipv4'));
    const first = own[0];
    if (!first) callback(new Error(`${hostname} is not this machine`), '', 0);
    else if (options.all) callback(null, own);
    else callback(null, first.address, first.family);
  });
};

function words(error: NodeJS.ErrnoException, url: URL): string {
  const where = url.host;
  if (error.code === 'ECONNREFUSED') return `is not there: nothing listens at ${where}`;
  if (error.code === 'ENOTFOUND') return `is not there: the name ${url.hostname} is unknown`;
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
