import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2';
import { Agent, request as httpsRequest } from 'node:https';
import { connect as connectTcp } from 'node:net';
import type { Duplex } from 'node:stream';
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls';
import { afterEach, describe, expect, test } from 'vitest';
import type { PeerInfo } from '../../../electron/core/tunnel/connectors/connector.ts';
import type { InnerRequest } from '../../../electron/core/tunnel/inner-tls/inner-tls.ts';
import { issueServerCertificate } from '../../../electron/core/tunnel/pki/issue-certificate.ts';
import { carriers, type Harness, startHarness } from './harness.ts';

let harness: Harness | undefined;
afterEach(async () => {
  await harness?.close();
  harness = undefined;
});

/** HTTP/1.1 and HTTP/2 answers have the same methods, but TypeScript cannot call a union of their overloads. */
type Handler = (request: InnerRequest, response: ServerResponse, peer: PeerInfo) => void | Promise<void>;

function start(options: Omit<Parameters<typeof startHarness>[0], 'onRequest'> & { onRequest: Handler }) {
  return startHarness({
    ...options,
    onRequest: (request, response, peer) => options.onRequest(request, response as ServerResponse, peer),
  });
}

/** The raw stream of a connection that came in, and the moment it is gone. */
function rawStream(from: Harness | undefined, index: number): { stream: Duplex; gone: Promise<void> } {
  const stream = from?.streams[index];
  if (!stream) throw new Error('that connection never came in');
  const gone = stream.closed
    ? Promise.resolve()
    : new Promise<void>((resolve) => stream.once('close', () => resolve()));
  return { stream, gone };
}

/** Answers with what it knows of the request. */
const describeRequest: Handler = (request, response, peer) => {
  const { pathname } = new URL(request.url ?? '/', 'https://localhost');
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify({ peer: peer.id, version: request.httpVersion, path: pathname }));
};

async function get(
  port: number,
  options: { ca: string; path?: string; agent?: Agent } & Pick<ConnectionOptions, 'servername' | 'maxVersion'>,
): Promise<{ status: number; body: string }> {
  const request = httpsRequest({ host: '127.0.0.1', port, agent: false, ...options });
  request.end();
  const [response] = await once(request, 'response');
  let body = '';
  response.setEncoding('utf8');
  for await (const chunk of response) body += chunk;
  return { status: response.statusCode, body };
}

async function openTls(port: number, options: ConnectionOptions): Promise<TLSSocket> {
  const socket = connectTls({ host: '127.0.0.1', port, servername: 'localhost', ...options });
  socket.on('error', () => {});
  await once(socket, 'secureConnect');
  return socket;
}

async function openHttp2(port: number, ca: string): Promise<ClientHttp2Session> {
  const session = connectHttp2(`https://localhost:${port}`, { ca });
  session.on('error', () => {});
  await once(session, 'connect');
  return session;
}

async function getHttp2(session: ClientHttp2Session, path = '/'): Promise<string> {
  const stream = session.request({ ':path': path });
  let body = '';
  stream.setEncoding('utf8');
  for await (const chunk of stream) body += chunk;
  return body;
}

/** Everything a raw connection is sent, until it is closed. */
async function untilClosed(socket: { [Symbol.asyncIterator](): AsyncIterator<Buffer> }): Promise<string> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of socket) chunks.push(chunk);
  } catch {
    // A reset is a way of closing.
  }
  return Buffer.concat(chunks).toString('latin1');
}

describe.each(carriers)('over a %s', (over) => {
  test('HTTP/1.1 and HTTP/2 requests arrive with the peer they came from', async () => {
    harness = await start({ over, onRequest: describeRequest });
    const ca = harness.authority.pem;
    const first = await get(harness.port, { ca, path: '/a', servername: 'localhost' });
    expect(JSON.parse(first.body)).toEqual({ peer: 'peer-1', version: '1.1', path: '/a' });
    const session = await openHttp2(harness.port, ca);
    const both = await Promise.all([getHttp2(session, '/b'), getHttp2(session, '/c')]);
    expect(both.map((body) => JSON.parse(body))).toEqual([
      { peer: 'peer-2', version: '2.0', path: '/b' },
      { peer: 'peer-2', version: '2.0', path: '/c' },
    ]);
    session.close();
  });

  test('connections that overlap keep their own peers', async () => {
    harness = await start({ over, onRequest: describeRequest });
    const { port, authority } = harness;
    const sessions = await Promise.all(Array.from({ length: 12 }, () => openHttp2(port, authority.pem)));
    const peers = await Promise.all(sessions.map(async (session) => JSON.parse(await getHttp2(session)).peer));
    expect(new Set(peers).size).toBe(12);
    // A second round on the same connections names the same peers.
    const again = await Promise.all(sessions.map(async (session) => JSON.parse(await getHttp2(session)).peer));
    expect(again).toEqual(peers);
    for (const session of sessions) session.close();
  });

  test.each(['TLSv1.2', 'TLSv1.3'] as const)('speaks %s', async (version) => {
    harness = await start({ over, onRequest: describeRequest });
    const socket = await openTls(harness.port, {
      ca: harness.authority.pem,
      minVersion: version,
      maxVersion: version,
      ALPNProtocols: ['http/1.1'],
    });
    expect(socket.getProtocol()).toBe(version);
    socket.end('GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
    expect(await untilClosed(socket)).toContain('"peer":"peer-1"');
  });

  test('refuses TLS 1.1', async () => {
    harness = await start({ over, onRequest: describeRequest });
    const failure = harness.nextFailure();
    const socket = connectTls({
      host: '127.0.0.1',
      port: harness.port,
      ca: harness.authority.pem,
      minVersion: 'TLSv1.1',
      maxVersion: 'TLSv1.1',
      ciphers: 'DEFAULT@SECLEVEL=0',
    });
    socket.on('error', () => {});
    expect((await failure).error.code).toBe('tls_too_old');
    expect((await failure).peer?.id).toBe('peer-1');
  });

  test('takes a ClientHello without SNI and without ALPN as HTTP/1.1', async () => {
    harness = await start({ over, onRequest: describeRequest });
    const socket = connectTls({ host: '127.0.0.1', port: harness.port, ca: harness.authority.pem });
    await once(socket, 'secureConnect');
    expect(socket.alpnProtocol).toBe(false);
    socket.end('GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n');
    expect(await untilClosed(socket)).toContain('"version":"1.1"');
  });

  test('refuses a client that speaks other protocols only', async () => {
    harness = await start({ over, onRequest: describeRequest });
    const failure = harness.nextFailure();
    const socket = connectTls({
      host: '127.0.0.1',
      port: harness.port,
      ca: harness.authority.pem,
      ALPNProtocols: ['gopher'],
    });
    const [error] = await once(socket, 'error');
    expect(error.code).toBe('ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL');
    expect((await failure).error.code).toMatch(/^tls_/);
  });

  test('swaps the certificate without touching a live connection', async () => {
    harness = await start({ over, onRequest: describeRequest });
    const { port, authority, inner } = harness;
    const live = await openHttp2(port, authority.pem);
    const next = await issueServerCertificate({ authority, hosts: ['localhost'], now: Date.now() });
    const before = await openTls(port, { ca: authority.pem });
    inner.setCertificate({ cert: next.pem, key: next.keyPem });
    const after = await openTls(port, { ca: authority.pem });
    const serialOf = (socket: TLSSocket) => socket.getPeerCertificate().serialNumber.toLowerCase();
    expect(serialOf(after)).toBe(next.serialNumber);
    expect(serialOf(before)).not.toBe(next.serialNumber);
    expect(JSON.parse(await getHttp2(live)).peer).toBe('peer-1');
    expect((await get(port, { ca: authority.pem, servername: 'localhost', maxVersion: 'TLSv1.2' })).status).toBe(200);
    live.close();
    before.destroy();
    after.destroy();
  });

  test.each([
    ['garbage', Buffer.from('\x00\x01\x02 this is no TLS at all, not even close\r\n\r\n'.repeat(4), 'latin1')],
    ['plain HTTP', Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')],
  ])('ends a connection that sends %s, and goes on', async (name, bytes) => {
    harness = await start({ over, onRequest: describeRequest });
    const failure = harness.nextFailure();
    const socket = connectTcp(harness.port, '127.0.0.1');
    socket.on('error', () => {});
    socket.write(bytes);
    await untilClosed(socket);
    expect((await failure).error.code).toBe(name === 'plain HTTP' ? 'tls_plain_http' : 'tls_not_tls');
    expect((await failure).peer?.id).toBe('peer-1');
    expect((await get(harness.port, { ca: harness.authority.pem, servername: 'localhost' })).status).toBe(200);
  });

  test('ends half a ClientHello when the hand-shake takes too long', async () => {
    harness = await start({ over, onRequest: describeRequest, limits: { handshakeMs: 60 } });
    const failure = harness.nextFailure();
    const socket = connectTcp(harness.port, '127.0.0.1');
    socket.on('error', () => {});
    // A record header that promises 512 bytes of hand-shake, and seven of them.
    socket.write(Buffer.from([0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3, 0]));
    await untilClosed(socket);
    await rawStream(harness, 0).gone;
    expect((await failure).error.code).toBe('tls_handshake_timeout');
    expect((await failure).peer?.id).toBe('peer-1');
    expect(harness.inner.connections).toBe(0);
  });

  test.each(['before a byte', 'in the ClientHello', 'after the hand-shake', 'in a request', 'in an answer'])(
    'survives a connection that is cut %s',
    async (when) => {
      let release = (): void => {};
      const arrived = new Promise<void>((resolve) => {
        release = resolve;
      });
      harness = await start({
        over,
        onRequest(request, response, peer) {
          if (request.url === '/ok') return describeRequest(request, response, peer);
          response.writeHead(200);
          if (when === 'in an answer') response.write('x'.repeat(200_000));
          release();
        },
      });
      const { port, authority, inner } = harness;
      const socket = connectTcp(port, '127.0.0.1');
      socket.on('error', () => {});
      await once(socket, 'connect');
      if (when === 'in the ClientHello') socket.write(Buffer.from([0x16, 3, 1, 2, 0, 1]));
      if (when.startsWith('after') || when.startsWith('in a request') || when.startsWith('in an answer')) {
        const tls = connectTls({ socket, ca: authority.pem, servername: 'localhost' });
        tls.on('error', () => {});
        await once(tls, 'secureConnect');
        if (when === 'in a request') tls.write('POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nabc');
        if (when === 'in an answer') tls.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
        if (!when.startsWith('after')) await arrived;
      }
      // It is in by now, or comes with the next connection: accept order is the order of connecting.
      await (await openTls(port, { ca: authority.pem })).destroy();
      const { gone } = rawStream(harness, 0);
      socket.resetAndDestroy();
      await gone;
      expect((await get(port, { ca: authority.pem, servername: 'localhost', path: '/ok' })).status).toBe(200);
      expect(inner.connections).toBeLessThanOrEqual(2);
    },
  );

  test('a stream destroyed with an error under a live HTTP/2 session ends it quietly', async () => {
    harness = await start({ over, onRequest: (_request, response) => void response.write('begun') });
    const session = await openHttp2(harness.port, harness.authority.pem);
    const stream = session.request({ ':path': '/' });
    stream.on('error', () => {});
    await once(stream, 'data');
    const closed = new Promise<void>((resolve) => session.once('close', () => resolve()));
    rawStream(harness, 0).stream.destroy(new Error('the tunnel broke'));
    await closed;
    expect(harness.inner.connections).toBe(0);
  });

  test('answers 500 where the handler throws or rejects, and says so', async () => {
    harness = await start({
      over,
      onRequest(request) {
        if (request.url === '/sync') throw new Error('sync fault');
        return Promise.reject(new Error('async fault'));
      },
    });
    const ca = harness.authority.pem;
    expect((await get(harness.port, { ca, path: '/sync', servername: 'localhost' })).status).toBe(500);
    const session = await openHttp2(harness.port, ca);
    const stream = session.request({ ':path': '/async' });
    const [headers] = await once(stream, 'response');
    expect(headers[':status']).toBe(500);
    expect(harness.failures.map(({ error, peer }) => [error.message, peer?.id])).toEqual([
      ['sync fault', 'peer-1'],
      ['async fault', 'peer-2'],
    ]);
    session.close();
  });
});

describe('limits', () => {
  test('a connection that never asks for anything is closed', async () => {
    harness = await start({ over: 'stream', onRequest: describeRequest, limits: { firstRequestMs: 50 } });
    const plain = await openTls(harness.port, { ca: harness.authority.pem });
    const session = await openHttp2(harness.port, harness.authority.pem);
    await Promise.all([untilClosed(plain), once(session, 'close')]);
    expect(harness.inner.connections).toBe(0);
  });

  test('an idle connection is closed, one with an open request is not', async () => {
    const responses: { end(): void }[] = [];
    harness = await start({
      over: 'stream',
      limits: { idleMs: 50 },
      onRequest(request, response, peer) {
        if (request.url !== '/held') return describeRequest(request, response, peer);
        response.writeHead(200);
        response.write('begun');
        responses.push(response);
      },
    });
    const held = await openHttp2(harness.port, harness.authority.pem);
    const stream = held.request({ ':path': '/held' });
    await once(stream, 'data');
    const idle = await openHttp2(harness.port, harness.authority.pem);
    await getHttp2(idle);
    await once(idle, 'close');
    expect(held.closed).toBe(false);
    const closed = once(held, 'close');
    responses[0]?.end();
    stream.resume();
    await closed;
  });

  test('HTTP/1.1 headers that never end are answered 408', async () => {
    harness = await start({ over: 'stream', onRequest: describeRequest, limits: { headersMs: 60 } });
    const socket = await openTls(harness.port, { ca: harness.authority.pem });
    socket.write('GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ');
    expect(await untilClosed(socket)).toMatch(/^HTTP\/1\.1 408 /);
  });

  test('a body that never ends is cut in HTTP/2 too', async () => {
    harness = await start({
      over: 'stream',
      onRequest: (request) => void request.resume(),
      limits: { requestMs: 60 },
    });
    const session = await openHttp2(harness.port, harness.authority.pem);
    const stream = session.request({ ':path': '/', ':method': 'POST' }, { endStream: false });
    stream.write('a');
    stream.on('error', () => {});
    await once(stream, 'close');
    expect(stream.rstCode).toBe(8);
    session.close();
  });

  test('a whole HTTP/2 request may be worked on longer than its body may take', async () => {
    let answer = (): void => {};
    harness = await start({
      over: 'stream',
      limits: { requestMs: 30 },
      onRequest(request, response) {
        request.resume();
        response.write('begun');
        answer = () => response.end('done');
      },
    });
    const session = await openHttp2(harness.port, harness.authority.pem);
    const stream = session.request({ ':path': '/', ':method': 'POST' }, { endStream: false });
    stream.end('all of it');
    await once(stream, 'data');
    // The limit of another request on the same connection, begun later, has run out: so has this one's.
    const late = session.request({ ':path': '/', ':method': 'POST' }, { endStream: false });
    late.on('error', () => {});
    const finish = answer;
    await once(late, 'close');
    finish();
    let rest = '';
    for await (const chunk of stream) rest += chunk;
    expect(rest).toBe('done');
    expect(stream.rstCode).toBe(0);
    session.close();
  });

  test('too large headers are 431 in HTTP/1.1 and end the stream in HTTP/2', async () => {
    harness = await start({ over: 'stream', onRequest: describeRequest, limits: { headerBytes: 4_096 } });
    const socket = await openTls(harness.port, { ca: harness.authority.pem });
    socket.write(`GET / HTTP/1.1\r\nHost: localhost\r\nX-Large: ${'x'.repeat(8_000)}\r\n\r\n`);
    expect(await untilClosed(socket)).toMatch(/^HTTP\/1\.1 431 /);
    const session = await openHttp2(harness.port, harness.authority.pem);
    // The limit is in our SETTINGS and holds once the client has acknowledged them.
    await new Promise<void>((resolve, reject) => session.ping((error) => (error ? reject(error) : resolve())));
    const stream = session.request({ ':path': '/', 'x-large': 'x'.repeat(8_000) });
    const [error] = await once(stream, 'error');
    expect(error.message).toContain('NGHTTP2_ENHANCE_YOUR_CALM');
    session.destroy();
  });

  test('connections beyond the limit are refused and reported; one that ends makes room', async () => {
    harness = await start({ over: 'stream', onRequest: describeRequest, limits: { connections: 1 } });
    const { port, authority } = harness;
    const first = await openTls(port, { ca: authority.pem });
    const failure = harness.nextFailure();
    await expect(get(port, { ca: authority.pem, servername: 'localhost' })).rejects.toThrow();
    expect((await failure).error.code).toBe('too_many_connections');
    const { gone } = rawStream(harness, 0);
    first.destroy();
    await gone;
    expect((await get(port, { ca: authority.pem, servername: 'localhost' })).status).toBe(200);
  });

  test('one client over the HTTP/2 limits loses its own connection only', async () => {
    harness = await start({ over: 'stream', onRequest: () => {} });
    const { port, authority } = harness;
    const innocent = await openHttp2(port, authority.pem);
    const noisy = await openHttp2(port, authority.pem);
    const failure = harness.nextFailure();
    // The noisy end may never notice: it does not read while its own writes are stuck. Ours has to be free of it.
    const { stream: raw, gone } = rawStream(harness, 1);
    const storm = (): void => {
      // Resets, far over Node's burst of 1,000.
      for (let count = 0; count < 50 && !raw.destroyed; count += 1) {
        const stream = noisy.request({ ':path': '/' });
        stream.on('error', () => {});
        setImmediate(() => stream.close(8));
      }
      if (!raw.destroyed) setImmediate(storm);
    };
    storm();
    await gone;
    noisy.destroy();
    expect((await failure).peer?.id).toBe('peer-2');
    expect((await failure).error.code).toBe('http_session_failed');
    expect(innocent.destroyed).toBe(false);
    await new Promise<void>((resolve, reject) => innocent.ping((error) => (error ? reject(error) : resolve())));
    innocent.destroy();
  });
});

describe('closing', () => {
  test('lets open requests end, refuses new connections, and leaves nothing', async () => {
    let answer = (): void => {};
    harness = await start({
      over: 'stream',
      onRequest(_request, response) {
        response.write('begun ');
        answer = () => response.end('ended');
      },
    });
    const { port, authority, inner } = harness;
    const session = await openHttp2(port, authority.pem);
    const stream = session.request({ ':path': '/' });
    await once(stream, 'data');
    const agent = new Agent({ keepAlive: true });
    const closing = inner.close();
    await expect(get(port, { ca: authority.pem, agent })).rejects.toThrow();
    answer();
    let rest = '';
    for await (const chunk of stream) rest += chunk;
    expect(rest).toBe('ended');
    await closing;
    expect(inner.connections).toBe(0);
    agent.destroy();
  });

  test('cuts what is still open after the grace', async () => {
    harness = await start({ over: 'socket', onRequest: (_request, response) => void response.write('begun') });
    const session = await openHttp2(harness.port, harness.authority.pem);
    const stream = session.request({ ':path': '/' });
    stream.on('error', () => {});
    await once(stream, 'data');
    const closed = once(session, 'close');
    await harness.inner.close(10);
    await closed;
    expect(harness.inner.connections).toBe(0);
  });
});
