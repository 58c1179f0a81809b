import https from 'node:https';
import { connect, type Socket } from 'node:net';
import { Readable } from 'node:stream';
import tls from 'node:tls';
import type { Tap } from '../byte-tap.ts';

/** A `fetch` whose sockets are counted, and which keeps the public key that it met. */
export interface TappedFetch {
  readonly fetch: typeof globalThis.fetch;
  /** SHA-256 of the public key of the certificate met, lower-case hex; undefined before the first answer. */
  metCertificate(): string | undefined;
  /** Ends every connection in order, so that both ends saw the same bytes. */
  close(): Promise<void>;
}

/** @param ca the only CA that this agent trusts */
export function createTappedFetch(tap: Tap, ca: string): TappedFetch {
  const sockets = new Set<{ secure: tls.TLSSocket; raw: Socket }>();
  let met: string | undefined;
  const agent = new https.Agent({ keepAlive: true });
  // The one place where Node lets us stand between TLS and TCP.
  agent.createConnection = (options) => {
    const { host, port } = options as { host: string; port: number };
    // The edge runs on this machine, and names under .localhost are not looked up everywhere.
    const raw = connect(port, '127.0.0.1');
    const secure = tls.connect({ socket: tap.wrap(raw, 'down'), servername: host, ca, ALPNProtocols: ['http/1.1'] });
    secure.once('secureConnect', () => {
      met = secure.getPeerCertificate().fingerprint256.replaceAll(':', '').toLowerCase();
    });
    const entry = { secure, raw };
    sockets.add(entry);
    raw.once('close', () => sockets.delete(entry));
    return secure;
  };
  const fetch: typeof globalThis.fetch = async (input, init) => {
    const request = new Request(input, init);
    const body = request.body ? Buffer.from(await request.arrayBuffer()) : undefined;
    return await new Promise<Response>((resolve, reject) => {
      const outgoing = https.request(
        request.url,
        { method: request.method, headers: Object.fromEntries(request.headers), agent, signal: request.signal },
        (incoming) => {
          const headers = new Headers();
          for (const [name, value] of Object.entries(incoming.headers)) headers.set(name, String(value));
          const status = incoming.statusCode ?? 502;
          const empty = status === 204 || status === 202 || status === 304;
          if (empty) incoming.resume();
          const stream = Readable.toWeb(incoming) as ReadableStream<Uint8Array>;
          resolve(new Response(empty ? null : stream, { status, headers }));
        },
      );
      outgoing.once('error', reject);
      outgoing.end(body);
    });
  };
  return {
    fetch,
    metCertificate: () => met,
    async close() {
      await Promise.all(
        [...sockets].map(
          ({ secure, raw }) =>
            new Promise<void>((resolve) => {
              raw.once('close', () => resolve());
              secure.end();
            }),
        ),
      );
      agent.destroy();
    },
  };
}
