import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Clock } from '../../shared/clock.ts';
import { asSallyportError, SallyportError } from '../../shared/errors.ts';
import { strictHeaders } from './consent-page.ts';

/** What {@link createAuthorizePage} needs. */
export interface AuthorizePageDeps {
  readonly clock: Clock;
  /** Whether the way in needs it now, and at which port it is; asked again after each {@link AuthorizePage.follow}. */
  readonly wanted: () => { readonly port: number; readonly remembered: boolean } | undefined;
  /** The port that it got in place of a default one that was busy. */
  readonly onPort: (port: number) => void;
  readonly handle: (request: IncomingMessage, response: ServerResponse) => void;
  readonly onTrouble: (error: SallyportError) => void;
}

/**
 * The authorization endpoint on loopback, for a tunnel whose public name the person's browser cannot reach (Anthropic's). A
 * known deviation from "HTTPS everywhere" (`docs/security.md`): plain HTTP, bound to 127.0.0.1, open only while such a tunnel
 * is the way in. It answers `/authorize` to GET, and the page that waits, whose own form is the one other thing it takes.
 */
export interface AuthorizePage {
  /** Opens or closes it as {@link AuthorizePageDeps.wanted} says; settles when that is done. */
  follow(): Promise<void>;
  close(): Promise<void>;
}

/** Port of the page unless it was taken (`design.md` §7). */
export const authorizePort = 47_490;
const retryMs = 30_000;
const startPath = /^\/authorize(?:\/[A-Za-z0-9_-]{1,64})?$/;
const waitPath = /^\/consent\/[A-Za-z0-9_-]{1,64}(?:\/state)?$/;

/** Makes it; nothing listens before the first {@link AuthorizePage.follow}. */
export function createAuthorizePage(deps: AuthorizePageDeps): AuthorizePage {
  let server: Server | undefined;
  let work = Promise.resolve();
  let cancelRetry = (): void => {};
  let closed = false;

  const refusalOf = (request: IncomingMessage, own: string): number | undefined => {
    const { host, 'sec-fetch-dest': place } = request.headers;
    const path = (request.url ?? '').split('?', 1)[0] ?? '';
    const waits = waitPath.test(path);
    // Another name for this address is somebody else's page: the library would build its addresses from it.
    if (host !== own) return 421;
    if (!waits && !startPath.test(path)) return 404;
    if (request.method !== 'GET' && !(waits && request.method === 'POST')) return 405;
    // Browsers say where a page is to be shown: nowhere but in a tab of its own.
    return place !== undefined && /frame|embed|object/.test(String(place)) ? 403 : undefined;
  };
  const answer = (request: IncomingMessage, response: ServerResponse, port: number): void => {
    response.on('error', () => {});
    const status = refusalOf(request, `127.0.0.1:${port}`);
    if (status === undefined) {
      deps.handle(request, response);
      return;
    }
    response.writeHead(status, { ...strictHeaders, 'content-type': 'text/plain', connection: 'close' });
    response.end();
  };

  const open = (port: number): Promise<Server> =>
    new Promise((resolve, reject) => {
      const made = createServer({ headersTimeout: 10_000, requestTimeout: 20_000, maxHeaderSize: 32_768 });
      made.maxConnections = 64;
      made.on('request', (request, response) => answer(request, response, (made.address() as AddressInfo).port));
      made.on('clientError', (_error, socket) => socket.destroy());
      made.once('error', reject);
      made.listen(port, '127.0.0.1', () => {
        made.off('error', reject);
        made.on('error', (error) => deps.onTrouble(asSallyportError(error, 'oauth')));
        resolve(made);
      });
    });

  const shut = async (): Promise<void> => {
    const closing = server;
    server = undefined;
    if (!closing) return;
    await new Promise<void>((resolve) => {
      closing.close(() => resolve());
      closing.closeAllConnections();
    });
  };

  const turn = async (): Promise<void> => {
    cancelRetry();
    const wanted = closed ? undefined : deps.wanted();
    if (!wanted) return await shut();
    if (server) return;
    try {
      server = await open(wanted.port).catch((error: unknown) => {
        if (wanted.remembered) throw error;
        return open(0);
      });
      const { port } = server.address() as AddressInfo;
      if (port !== wanted.port) deps.onPort(port);
    } catch (error) {
      deps.onTrouble(
        new SallyportError('port_in_use', 'oauth', `The page for letting agents in cannot have port ${wanted.port}.`, {
          hint: 'Another program holds it, and addresses with it were given out. End that program; it is tried again by itself.',
          cause: error,
        }),
      );
      cancelRetry = deps.clock.schedule(retryMs, () => void follow());
    }
  };
  const follow = (): Promise<void> => {
    work = work.then(turn);
    return work;
  };
  return {
    follow,
    async close() {
      closed = true;
      await follow();
    },
  };
}
