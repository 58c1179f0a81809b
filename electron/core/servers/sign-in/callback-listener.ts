import { timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What a browser brought back. */
export type CallbackAnswer =
  | { readonly kind: 'code'; readonly code: string; readonly iss: string | undefined }
  | { readonly kind: 'error'; readonly error: string; readonly description: string | undefined };

/** A page on loopback that one browser is sent back to. */
export interface CallbackListener {
  readonly redirectUrl: string;
  close(): void;
}

/** Longest address that is read. */
const maxUrl = 8_192;

/**
 * Waits for a browser on loopback (RFC 8252 §7.3), GET only. An answer without the right `state` is refused and ends
 * nothing: it was not ours.
 * @param onAnswer called once with what came back; the page says what it returns
 * @param port where one is registered with the authorization server; 0 = any free one
 * @throws Error `EADDRINUSE`
 */
export async function startCallbackListener(
  state: string,
  onAnswer: (answer: CallbackAnswer) => Promise<string>,
  port = 0,
): Promise<CallbackListener> {
  let taken = false;
  const server = createServer((request, response) => {
    request.resume();
    const said = request.url ?? '';
    const url = said.length > maxUrl ? null : URL.parse(said, origin());
    const ours = request.headers.host === new URL(origin()).host && url?.pathname === '/callback';
    if (request.method !== 'GET' || !ours) {
      page(response, 404, 'There is nothing here.');
      return;
    }
    const given = url.searchParams.getAll('state');
    if (taken || given.length !== 1 || !same(given[0] ?? '', state)) {
      page(response, 400, 'This answer belongs to no sign-in that Sallyport began.');
      return;
    }
    taken = true;
    const code = url.searchParams.get('code');
    const answer: CallbackAnswer =
      code === null
        ? {
            kind: 'error',
            error: url.searchParams.get('error') ?? 'no code',
            description: url.searchParams.get('error_description') ?? undefined,
          }
        : { kind: 'code', code, iss: url.searchParams.get('iss') ?? undefined };
    onAnswer(answer).then(
      (words) => page(response, 200, words),
      () => page(response, 200, 'The sign-in did not succeed. Sallyport says why.'),
    );
  });
  server.maxConnections = 16;
  server.on('clientError', (_error, socket) => socket.destroy());
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  server.on('error', () => {});
  const bound = (server.address() as AddressInfo).port;
  const origin = (): string => `http://127.0.0.1:${bound}`;
  return {
    redirectUrl: `${origin()}/callback`,
    close() {
      server.close();
      setTimeout(() => server.closeAllConnections(), 1_000).unref();
    },
  };
}

function same(a: string, b: string): boolean {
  const [one, other] = [Buffer.from(a), Buffer.from(b)];
  return one.length === other.length && timingSafeEqual(one, other);
}

function page(response: ServerResponse, status: number, words: string): void {
  response.writeHead(status, {
    'content-type': 'text/plain; charset=utf-8',
    'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cache-control': 'no-store',
    connection: 'close',
  });
  response.end(`${words}\n`);
}
