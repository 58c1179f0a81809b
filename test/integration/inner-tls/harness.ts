import { once } from 'node:events';
import { connect as connectHttp2, createServer as createHttp2Server } from 'node:http2';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import type { PeerInfo } from '../../../electron/core/tunnel/connectors/connector.ts';
import { createInnerTls, type InnerTls, type InnerTlsDeps } from '../../../electron/core/tunnel/inner-tls/inner-tls.ts';
import type { InnerTlsLimits } from '../../../electron/core/tunnel/inner-tls/inner-tls-limits.ts';
import { type Authority, createAuthority } from '../../../electron/core/tunnel/pki/authority.ts';
import { issueServerCertificate } from '../../../electron/core/tunnel/pki/issue-certificate.ts';
import type { SallyportError } from '../../../electron/shared/errors.ts';

/** Passes bytes on without being a socket, as a stream out of the tunnel does. */
export class StreamOver extends Duplex {
  readonly #socket: Socket;

  constructor(socket: Socket) {
    super({ allowHalfOpen: true });
    this.#socket = socket;
    socket.on('data', (chunk) => {
      if (!this.push(chunk)) socket.pause();
    });
    socket.on('end', () => this.push(null));
    socket.on('error', (error) => this.destroy(error));
    socket.on('close', () => this.destroy());
  }

  override _read(): void {
    this.#socket.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#socket.write(chunk, done);
  }

  override _final(done: () => void): void {
    this.#socket.end(done);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#socket.destroy();
    done(error);
  }
}

/** A tunnel as the edge has it: each socket becomes a CONNECT stream of one HTTP/2 session, and comes out at the other end. */
async function throughTunnel(listener: Server, onStream: (stream: Duplex) => void): Promise<() => void> {
  const app = createHttp2Server({ settings: { maxConcurrentStreams: 1_000 } });
  app.on('stream', (stream) => {
    stream.respond({ ':status': 200 });
    onStream(stream);
  });
  app.on('sessionError', () => {});
  app.listen(0, '127.0.0.1');
  await once(app, 'listening');
  const edge = connectHttp2(`http://127.0.0.1:${(app.address() as AddressInfo).port}`);
  edge.on('error', () => {});
  listener.on('connection', (socket) => {
    const stream = edge.request({ ':method': 'CONNECT', ':authority': 'tunnel:443' }, { endStream: false });
    stream.on('error', () => socket.destroy());
    socket.on('error', () => stream.close(8));
    stream.on('close', () => socket.destroy());
    socket.on('close', () => stream.close(8));
    stream.pipe(socket);
    socket.pipe(stream);
  });
  return () => {
    edge.destroy();
    app.close();
  };
}

/** What the connections come over: TCP itself, a stream of no kind, or a stream of a real HTTP/2 session. */
export const carriers = ['socket', 'stream', 'tunnel'] as const;

/** A real listener whose connections go into inner TLS, and what comes out. */
export interface Harness {
  readonly inner: InnerTls;
  readonly port: number;
  readonly authority: Authority;
  readonly failures: { error: SallyportError; peer: PeerInfo | undefined }[];
  /** The next failure reported after this call. */
  nextFailure(): Promise<{ error: SallyportError; peer: PeerInfo | undefined }>;
  /** The raw streams handed in, in order. */
  readonly streams: Duplex[];
  close(): Promise<void>;
}

export async function startHarness(options: {
  over: (typeof carriers)[number];
  onRequest: InnerTlsDeps['onRequest'];
  limits?: Partial<InnerTlsLimits>;
}): Promise<Harness> {
  const now = Date.now();
  const { authority } = await createAuthority({ commonName: 'Test CA', permittedDnsNames: ['localhost'], now });
  const certificate = await issueServerCertificate({ authority, hosts: ['localhost', '127.0.0.1', '::1'], now });
  const failures: Harness['failures'] = [];
  const waiting: ((failure: Harness['failures'][number]) => void)[] = [];
  const inner = createInnerTls({
    certificate: { cert: certificate.pem, key: certificate.keyPem },
    onRequest: options.onRequest,
    onFailure(error, peer) {
      failures.push({ error, peer });
      for (const wake of waiting.splice(0)) wake({ error, peer });
    },
    ...(options.limits ? { limits: options.limits } : {}),
  });
  const streams: Duplex[] = [];
  let count = 0;
  const accept = (stream: Duplex): void => {
    streams.push(stream);
    count += 1;
    inner.accept(stream, { id: `peer-${count}`, edge: 'embedded', transport: 'tls', door: 'sni' });
  };
  const listener = createServer({ allowHalfOpen: true });
  let closeTunnel = (): void => {};
  if (options.over === 'tunnel') closeTunnel = await throughTunnel(listener, accept);
  else listener.on('connection', (socket) => accept(options.over === 'socket' ? socket : new StreamOver(socket)));
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  return {
    inner,
    port: (listener.address() as AddressInfo).port,
    authority,
    failures,
    streams,
    nextFailure: () => new Promise((resolve) => waiting.push(resolve)),
    async close() {
      listener.close();
      await inner.close(0);
      closeTunnel();
    },
  };
}
