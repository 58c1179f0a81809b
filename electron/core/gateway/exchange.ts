import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2';
import type { Readable } from 'node:stream';
import type { Clock } from '../../shared/clock.ts';
import { createEventStream, type EventStream } from './event-stream.ts';
import type { MessageSide } from './message-exchange.ts';

/** An HTTP/1.1 or HTTP/2 request, both through Node's compatibility API. */
export type GatewayRequest = IncomingMessage | Http2ServerRequest;
/** See {@link GatewayRequest}. */
export type GatewayResponse = ServerResponse | Http2ServerResponse;

/** One HTTP request and its way back, the same for both HTTP versions. */
export interface Exchange {
  readonly method: string;
  /** Host name asked for: lower-case, no port, no trailing dot; `undefined` if missing, doubled or contradictory. */
  readonly host: string | undefined;
  /** Host with port as sent, lower-case. */
  readonly authority: string | undefined;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly body: Readable;
  /** Aborted when the other side went away before the answer was complete. */
  readonly gone: AbortSignal;
  /** The value of a header; `undefined` if absent. */
  header(name: string): string | undefined;
  /** Name of a header that must not be there twice but is; `undefined` if all is well. */
  doubledHeader(): string | undefined;
  /** Characters of all header names and values together. */
  readonly headerSize: number;
  /** Whether the answer has begun. */
  readonly answered: boolean;
  /** Sends a whole answer. @returns bytes of the body; 0 if nobody is there or an answer was sent already */
  send(status: number, body?: string, headers?: Readonly<Record<string, string>>): number;
  /** Begins an event stream as the answer; `onEnd` is called once when it is over, whoever ended it. */
  stream(headers?: Readonly<Record<string, string>>, onEnd?: () => void): EventStream;
  /** There where this is a message that a message-level connector brought, and no HTTP request. */
  readonly message?: MessageSide;
}

const onlyOnce = /^(?:mcp-.*|host|:authority|authorization|content-type|content-length|origin)$/;
const maxDiscarded = 8 * 1024 * 1024;
const discardMs = 5_000;

/** Wraps a request and its response. Every error event of both is heard, so that none can end the process. */
export function openExchange(request: GatewayRequest, response: GatewayResponse, clock: Clock): Exchange {
  const goneController = new AbortController();
  let answered = false;
  let complete = false;
  request.on('error', () => {});
  response.on('error', () => {});
  response.on('close', () => {
    if (!complete) goneController.abort();
  });
  const target = request.url ?? '';
  const cut = target.indexOf('?');
  const authority = authorityOf(request);
  const reply = response as ServerResponse;
  const begin = (status: number, headers: Readonly<Record<string, string>>): void => {
    answered = true;
    reply.writeHead(status, { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff', ...headers });
  };
  return {
    method: request.method ?? '',
    host: hostName(authority),
    authority,
    path: cut < 0 ? target : target.slice(0, cut),
    query: new URLSearchParams(cut < 0 ? '' : target.slice(cut + 1)),
    body: request,
    gone: goneController.signal,
    header(name) {
      const value = request.headers[name];
      return Array.isArray(value) ? value.join(', ') : value;
    },
    doubledHeader() {
      const seen = new Set<string>();
      for (let index = 0; index < request.rawHeaders.length; index += 2) {
        const name = (request.rawHeaders[index] ?? '').toLowerCase();
        if (onlyOnce.test(name) && seen.has(name)) return name;
        seen.add(name);
      }
      return undefined;
    },
    headerSize: request.rawHeaders.reduce((sum, text) => sum + text.length, 0),
    get answered() {
      return answered;
    },
    send(status, body = '', headers = {}) {
      if (answered || goneController.signal.aborted) return 0;
      complete = true;
      const length = Buffer.byteLength(body);
      begin(status, { 'content-length': String(length), ...headers });
      if (length > 0) reply.write(body);
      // Node closes a connection as soon as its answer has ended: not before a client that still writes could read it.
      discardRest(request, clock, () => reply.end());
      return length;
    },
    stream(headers = {}, onEnd = () => {}) {
      begin(200, {
        'content-type': 'text/event-stream',
        'cache-control': 'no-store, no-transform',
        // Middles that buffer answers (nginx) must not hold events back.
        'x-accel-buffering': 'no',
        ...headers,
      });
      // What is written in one go leaves in one piece, together with the headers: an answer is several writes.
      let pending = '';
      let waiting = true;
      const flush = (): void => {
        waiting = false;
        if (complete || goneController.signal.aborted) return;
        if (pending === '') reply.flushHeaders();
        else reply.write(pending);
        pending = '';
      };
      queueMicrotask(flush);
      discardRest(request, clock, () => {});
      const stream = createEventStream(
        {
          write: (chunk) => {
            pending += chunk;
            if (!waiting) queueMicrotask(flush);
            waiting = true;
          },
          end: () => {
            complete = true;
            if (!goneController.signal.aborted) reply.end(pending);
            pending = '';
          },
          buffered: () =>
            pending.length + ('stream' in response ? (response.stream?.writableLength ?? 0) : response.writableLength),
        },
        clock,
        onEnd,
      );
      goneController.signal.addEventListener('abort', () => stream.end(), { once: true });
      return stream;
    },
  };
}

/**
 * Reads and forgets what is left of a body, up to a limit, so that a client that still writes sees the answer.
 * @param then called when it is over, at once if nothing is left
 */
function discardRest(request: GatewayRequest, clock: Clock, then: () => void): void {
  if (request.readableEnded || request.destroyed) {
    then();
    return;
  }
  let left = maxDiscarded;
  let over = false;
  const finish = (): void => {
    if (over) return;
    over = true;
    stopTimer();
    then();
  };
  const stopTimer = clock.schedule(discardMs, () => {
    finish();
    request.destroy();
  });
  request.on('close', finish);
  request.on('end', finish);
  request.on('data', (chunk: Buffer) => {
    left -= chunk.length;
    if (left >= 0) return;
    finish();
    request.destroy();
  });
  request.resume();
}

function authorityOf(request: GatewayRequest): string | undefined {
  const pseudo = request.headers[':authority'];
  const host = request.headers.host;
  const values = [pseudo, host].filter((value): value is string => typeof value === 'string');
  const first = values[0]?.toLowerCase();
  return values.every((value) => value.toLowerCase() === first) ? first : undefined;
}

function hostName(authority: string | undefined): string | undefined {
  const match = /^(\[[0-9a-f:.]+\]|[a-z0-9._-]+?)\.?(?::[0-9]{1,5})?$/.exec(authority ?? '');
  return match?.[1];
}
