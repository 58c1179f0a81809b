import { once } from 'node:events';
import { type AddressInfo, connect as connectTcp, createServer, type Server } from 'node:net';
import { connect, createServer as createTlsServer, type TLSSocket } from 'node:tls';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemClock } from '../../../electron/core/state/system-clock.ts';
import { type ChallengeDoor, createChallengeDoor } from '../../../electron/core/tunnel/acme/challenge-door.ts';
import { createAuthority } from '../../../electron/core/tunnel/pki/authority.ts';
import { issueServerCertificate } from '../../../electron/core/tunnel/pki/issue-certificate.ts';
import { clientHello } from '../../fixtures/edge-harness.ts';

let door: ChallengeDoor;
let listener: Server;
let port: number;
let challenge: { cert: string; key: string };

beforeEach(async () => {
  const { authority } = await createAuthority({ commonName: 'Test', now: Date.now() });
  const make = async (host: string) => {
    const { pem, keyPem } = await issueServerCertificate({ authority, hosts: [host], now: Date.now() });
    return { cert: pem, key: keyPem };
  };
  challenge = await make('challenge.test');
  const ordinary = createTlsServer({ ...(await make('ordinary.test')), ALPNProtocols: ['h2', 'http/1.1'] });
  ordinary.on('tlsClientError', () => undefined);
  ordinary.on('secureConnection', (socket) => socket.on('error', () => undefined));
  door = createChallengeDoor(systemClock);
  listener = createServer((socket) => {
    socket.on('error', () => undefined);
    door.sort(socket, () => ordinary.emit('connection', socket));
  }).listen(0, '127.0.0.1');
  await once(listener, 'listening');
  port = (listener.address() as AddressInfo).port;
});
afterEach(async () => {
  listener.close();
  await once(listener, 'close');
});

/** Whose certificate a client meets, and what ALPN was agreed on. */
async function meet(options: { alpn?: string; version?: 'TLSv1.2' | 'TLSv1.3' }): Promise<string> {
  const socket: TLSSocket = connect({
    host: '127.0.0.1',
    port,
    servername: 'box.example.net',
    rejectUnauthorized: false,
    ...(options.alpn ? { ALPNProtocols: [options.alpn] } : {}),
    ...(options.version ? { minVersion: options.version, maxVersion: options.version } : {}),
  });
  try {
    await once(socket, 'secureConnect');
    return `${socket.getPeerX509Certificate()?.subjectAltName} ${socket.alpnProtocol || 'none'}`;
  } finally {
    socket.destroy();
  }
}

test('only who asks for acme-tls/1 meets the challenge, in either TLS version, and only while there is one', async () => {
  await expect(meet({ alpn: 'acme-tls/1' })).rejects.toThrow();
  const takeAway = door.present(challenge);
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    expect(await meet({ alpn: 'acme-tls/1', version })).toBe('DNS:challenge.test acme-tls/1');
    expect(await meet({ alpn: 'h2', version })).toBe('DNS:ordinary.test h2');
    expect(await meet({ version })).toBe('DNS:ordinary.test none');
  }
  takeAway();
  await expect(meet({ alpn: 'acme-tls/1' })).rejects.toThrow();
  expect(await meet({ alpn: 'http/1.1' })).toBe('DNS:ordinary.test http/1.1');
});

test('a ClientHello in many small pieces is told right, and one that is none costs its connection only', async () => {
  door.present(challenge);
  for (const [alpn, answered] of [
    ['acme-tls/1', true],
    ['http/1.1', true],
  ] as const) {
    const hello = await clientHello('box.example.net', [alpn]);
    const socket = connectTcp({ host: '127.0.0.1', port, noDelay: true });
    socket.on('error', () => undefined);
    for (let at = 0; at < hello.length; at += 7) {
      socket.write(hello.subarray(at, at + 7));
      await new Promise((resolve) => setImmediate(resolve));
    }
    const [first] = (await once(socket, 'data')) as [Buffer];
    // A ServerHello is a handshake record.
    expect(first[0] === 22).toBe(answered);
    socket.destroy();
  }
  const garbage = connectTcp({ host: '127.0.0.1', port });
  garbage.on('error', () => undefined);
  garbage.end('GET / HTTP/1.1\r\n\r\n');
  garbage.resume();
  await once(garbage, 'close');
  expect(await meet({ alpn: 'h2' })).toBe('DNS:ordinary.test h2');
});
