import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { chmodSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import * as z from 'zod';
import type { Clock } from '../../shared/clock.ts';
import { SallyportError } from '../../shared/errors.ts';
import type { Dispatcher } from './dispatcher.ts';
import type { FrontSession } from './front-session.ts';
import { answerText, sendStatic } from './static-files.ts';

/** What {@link createBrowserFront} needs. */
export interface BrowserFrontDeps {
  readonly dispatcher: Dispatcher;
  /** Folder of the built pages: `dist/renderer`. */
  readonly root: string;
  /** Port on 127.0.0.1; 0 takes a free one. */
  readonly port: number;
  readonly clock: Clock;
}

/** The browser front (`security.md` S20): pages over HTTP on loopback, the contract over a WebSocket. */
export interface BrowserFront {
  /** @returns the port. @throws SallyportError `port_in_use` at hop `app` */
  start(): Promise<number>;
  /** `http://127.0.0.1:<port>/#k=<key>`: a secret until the process ends. @throws SallyportError `ui_not_up` */
  url(): string;
  /**
   * Writes a page, 0600, that leads to {@link url}: the browser is opened on the file, so that the key is in no argument
   * list. It goes with {@link stop}.
   */
  openBrowserFile(path: string): string;
  stop(): Promise<void>;
}

/** Close code for a connection that did not show this run's key: the page says where to get it. */
export const keyRefusedCode = 4401;
/** Close code for a message that is not of the contract, or too much of it. */
export const badFrameCode = 4400;

const keyMs = 5_000;
const maxFrameBytes = 8 * 1_024 * 1_024;
const maxSockets = 64;
/** Above this, a page counts as slow: events wait. */
const slowBytes = 1_024 * 1_024;
/** Above this, a page is given up. */
const maxQueuedBytes = 64 * 1_024 * 1_024;
const keyMessage = z.strictObject({ key: z.string().max(100) });

/** Makes the front; a new key for each. */
export function createBrowserFront(deps: BrowserFrontDeps): BrowserFront {
  const key = randomBytes(32).toString('base64url');
  const sockets = new Set<Socket>();
  const files = new Set<string>();
  const webSockets = new WebSocketServer({ noServer: true, maxPayload: maxFrameBytes, perMessageDeflate: false });
  webSockets.on('error', () => {});
  let server: Server | undefined;
  let port: number | undefined;

  const url = (): string => {
    if (port === undefined) {
      throw new SallyportError('ui_not_up', 'app', 'The browser front is not up.', {
        hint: 'Sallyport shows its own window here; use that.',
      });
    }
    return `http://127.0.0.1:${port}/#k=${key}`;
  };

  return {
    url,
    async start() {
      const starting = createServer({ maxHeaderSize: 16_384, requestTimeout: 10_000, headersTimeout: 5_000 });
      starting.on('request', (request, response) => {
        const refusal = refuse(request);
        if (refusal) answerText(response, refusal.status, refusal.text);
        else if (request.method !== 'GET' && request.method !== 'HEAD') {
          response.setHeader('allow', 'GET, HEAD');
          answerText(response, 405, 'Only GET.');
        } else sendStatic(deps.root, request, response).catch(() => response.destroy());
      });
      starting.on('upgrade', (request, socket, head) => {
        socket.on('error', () => socket.destroy());
        const refusal =
          refuse(request) ??
          (request.headers.origin === undefined ? { status: 403, text: 'An Origin is needed.' } : undefined) ??
          (request.url === '/contract' ? undefined : { status: 404, text: 'There is nothing here.' });
        if (refusal) refuseUpgrade(socket, refusal.status);
        else webSockets.handleUpgrade(request, socket, head, (ws) => serve(ws, key, deps));
      });
      starting.on('connection', (socket) => {
        if (sockets.size >= maxSockets) {
          socket.destroy();
          return;
        }
        sockets.add(socket);
        socket.once('close', () => sockets.delete(socket));
      });
      starting.on('clientError', (_error, socket) => socket.destroy());
      port = await listen(starting, deps.port);
      server = starting;
      return port;
    },
    openBrowserFile(path) {
      const target = url();
      const page = `<!doctype html><meta charset="utf-8"><meta name="referrer" content="no-referrer"><title>Sallyport</title>
<meta http-equiv="refresh" content="0;url=${target}"><p><a href="${target}">Open Sallyport</a></p>
`;
      // Removed first: an existing file would keep its mode and whoever has it open.
      rmSync(path, { force: true });
      writeFileSync(path, page, { mode: 0o600, flag: 'wx' });
      chmodSync(path, 0o600);
      files.add(path);
      return path;
    },
    async stop() {
      for (const path of files) rmSync(path, { force: true });
      files.clear();
      const stopping = server;
      server = undefined;
      port = undefined;
      if (!stopping) return;
      const ended = new Promise<void>((resolve) => stopping.close(() => resolve()));
      for (const ws of webSockets.clients) ws.terminate();
      for (const socket of sockets) socket.destroy();
      await ended;
    },
  };
}

function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(
        error.code === 'EADDRINUSE' || error.code === 'EACCES'
          ? new SallyportError('port_in_use', 'app', `Port ${port} for the pages is taken by another program.`, {
              hint: 'Choose another: sallyport run --ui-port N.',
              cause: error,
            })
          : error,
      );
    });
    server.listen({ port, host: '127.0.0.1' }, () => {
      server.removeAllListeners('error');
      server.on('error', () => {});
      resolve((server.address() as AddressInfo).port);
    });
  });
}

/**
 * Host must be a loopback name, with any port (another machine's page could otherwise reach us by a name that resolves
 * to loopback); Origin, where there is one, must be that very host.
 */
function refuse({ headers }: IncomingMessage): { status: number; text: string } | undefined {
  const host = headers.host ?? '';
  if (!/^(?:127\.0\.0\.1|localhost|\[::1\])(?::\d{1,5})?$/.test(host)) {
    return { status: 421, text: 'This address is not served here.' };
  }
  if (headers.origin !== undefined && headers.origin !== `http://${host}`) {
    return { status: 403, text: 'Pages of other origins are not answered.' };
  }
  return undefined;
}

function refuseUpgrade(socket: Duplex, status: number): void {
  socket.end(`HTTP/1.1 ${status} Refused\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}

function serve(ws: WebSocket, key: string, { dispatcher, clock }: BrowserFrontDeps): void {
  let session: FrontSession | undefined;
  const late = clock.schedule(keyMs, () => ws.close(keyRefusedCode, 'no key came'));
  ws.on('error', () => ws.terminate());
  ws.on('close', () => {
    late();
    session?.close();
  });
  ws.on('message', (data, binary) => {
    if (ws.readyState !== ws.OPEN) return;
    try {
      if (binary) throw new TypeError('binary');
      const message: unknown = JSON.parse(String(data));
      if (session) {
        session.receive(message);
        return;
      }
      const shown = keyMessage.safeParse(message);
      if (!shown.success || !sameKey(shown.data.key, key)) {
        ws.close(keyRefusedCode, 'the key is not this run’s');
        return;
      }
      late();
      session = dispatcher.connect({
        front: 'browser',
        send(frame) {
          if (ws.readyState !== ws.OPEN) return;
          ws.send(JSON.stringify(frame), () => {
            if (ws.bufferedAmount < slowBytes) session?.drained();
          });
          if (ws.bufferedAmount > maxQueuedBytes) ws.terminate();
        },
        congested: () => ws.bufferedAmount > slowBytes,
      });
    } catch {
      ws.close(session ? badFrameCode : keyRefusedCode, 'not a message of the contract');
    }
  });
}

function sameKey(given: string, key: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(key));
}
