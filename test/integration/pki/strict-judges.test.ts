import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkServerIdentity, connect, createServer, type Server, type TLSSocket } from 'node:tls';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type Authority, createAuthority } from '../../../electron/core/tunnel/pki/authority.ts';
import { createCsr } from '../../../electron/core/tunnel/pki/certificate-request.ts';
import {
  type IssuedCertificate,
  issueClientCertificate,
  issueServerCertificate,
} from '../../../electron/core/tunnel/pki/issue-certificate.ts';
import { pythonStrictClient, runs } from './python-strict.ts';

const run = promisify(execFile);
const now = Date.now();
const hasOpenssl = runs('openssl', 'version');
const hasPython = runs('python3', '-c', 'import ssl; ssl.VERIFY_X509_STRICT');

let folder: string;
let authority: Authority;
let server: IssuedCertificate & { keyPem: string };
let client: IssuedCertificate & { keyPem: string };
let listener: Server | undefined;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sallyport-pki-'));
  ({ authority } = await createAuthority({
    commonName: 'Test CA',
    permittedDnsNames: ['box.example', 'localhost'],
    now,
  }));
  server = await issueServerCertificate({
    authority,
    hosts: ['box.example', '*.box.example', 'localhost', '127.0.0.1', '::1'],
    now,
  });
  const { csrPem, keyPem } = await createCsr();
  client = { ...(await issueClientCertificate({ authority, csr: csrPem, commonName: 'connector 1', now })), keyPem };
  await writeFile(join(folder, 'ca.pem'), authority.pem);
});
afterAll(() => rm(folder, { recursive: true }));
afterEach(() => {
  listener?.close();
  listener = undefined;
});

async function serve(certificate: { pem: string; keyPem: string }, ca?: string): Promise<number> {
  listener = createServer(
    {
      cert: certificate.pem,
      key: certificate.keyPem,
      ...(ca ? { ca, requestCert: true, rejectUnauthorized: true } : {}),
    },
    (socket) => {
      socket.on('error', () => {});
      socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'));
    },
  );
  listener.on('tlsClientError', () => {});
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  return (listener.address() as AddressInfo).port;
}

/** Connects as Node does; resolves to `ok`, or to what went wrong. */
async function nodeClient(port: number, host: string, extra: { cert?: string; key?: string } = {}): Promise<string> {
  const socket: TLSSocket = connect({ host: '127.0.0.1', port, servername: '', ca: authority.pem, ...extra });
  return new Promise((resolve) => {
    socket.on('error', (error) => resolve(error.message));
    socket.on('close', () => resolve('closed'));
    socket.on('secureConnect', () => {
      const wrong = checkServerIdentity(host, socket.getPeerCertificate());
      socket.write('x');
      socket.once('data', () => {
        resolve(wrong ? 'wrong name' : 'ok');
        socket.destroy();
      });
    });
  });
}

async function openssl(certificate: IssuedCertificate, purpose: string, ca = authority): Promise<string> {
  const path = join(folder, `${certificate.serialNumber}.pem`);
  const caPath = join(folder, `${ca.fingerprint}.ca.pem`);
  await Promise.all([writeFile(path, certificate.pem), writeFile(caPath, ca.pem)]);
  const outcome = await run('openssl', [
    'verify',
    '-x509_strict',
    '-check_ss_sig',
    '-purpose',
    purpose,
    '-CAfile',
    caPath,
    path,
  ]).catch((error: { stdout: string; stderr: string }) => error);
  return `${outcome.stdout}${outcome.stderr}`;
}

async function python(port: number, name: string, caPath = join(folder, 'ca.pem')): Promise<Record<string, unknown>> {
  const { stdout } = await run('python3', ['-c', pythonStrictClient, caPath, String(port), name, '']);
  return JSON.parse(stdout);
}

describe('Node', () => {
  test('accepts the server certificate for each of its names and no other', async () => {
    const port = await serve(server);
    for (const host of ['box.example', 'a.box.example', 'localhost', '127.0.0.1', '::1']) {
      expect([host, await nodeClient(port, host)]).toEqual([host, 'ok']);
    }
    expect(await nodeClient(port, 'other.example')).toBe('wrong name');
  });

  test('accepts the client certificate in mutual TLS, and a server certificate is none', async () => {
    const port = await serve(server, authority.pem);
    expect(await nodeClient(port, 'localhost', { cert: client.pem, key: client.keyPem })).toBe('ok');
    expect(await nodeClient(port, 'localhost', { cert: server.pem, key: server.keyPem })).not.toBe('ok');
    expect(await nodeClient(port, 'localhost')).not.toBe('ok');
  });

  test('refuses a name outside the constraints even though the authority signed it', async () => {
    const outside = await issueServerCertificate({ authority, hosts: ['bank.example'], now });
    expect(await nodeClient(await serve(outside), 'bank.example')).toBe('permitted subtree violation');
  });
});

describe.skipIf(!hasOpenssl)(`openssl verify -x509_strict${hasOpenssl ? '' : ' (skipped: no openssl here)'}`, () => {
  test('accepts the server certificate as a server and the client certificate as a client', async () => {
    expect(await openssl(server, 'sslserver')).toContain(': OK');
    expect(await openssl(client, 'sslclient')).toContain(': OK');
  });

  test('lets neither play the other part', async () => {
    expect(await openssl(server, 'sslclient')).toContain('unsuitable certificate purpose');
    expect(await openssl(client, 'sslserver')).toContain('unsuitable certificate purpose');
  });

  test('holds the name constraints', async () => {
    const outside = await issueServerCertificate({ authority, hosts: ['bank.example'], now });
    expect(await openssl(outside, 'sslserver')).toContain('permitted subtree violation');
  });

  test('accepts the certificates of an authority without constraints', async () => {
    const free = await createAuthority({ commonName: 'Free CA', now });
    const leaf = await issueServerCertificate({ authority: free.authority, hosts: ['any.example', '10.0.0.1'], now });
    expect(await openssl(leaf, 'sslserver', free.authority)).toContain(': OK');
  });
});

describe.skipIf(!hasPython)(`Python ssl, VERIFY_X509_STRICT${hasPython ? '' : ' (skipped: no python3 here)'}`, () => {
  test('accepts the server certificate by name, wildcard and address', async () => {
    const port = await serve(server);
    for (const name of ['box.example', 'a.box.example', 'localhost', '127.0.0.1', '::1']) {
      expect([name, await python(port, name)]).toEqual([name, expect.objectContaining({ answer: expect.any(String) })]);
    }
  });

  test('refuses another name, another authority and a name outside the constraints', async () => {
    const port = await serve(server);
    expect(await python(port, 'other.example')).toMatchObject({ error: 'CERTIFICATE_VERIFY_FAILED' });
    const stranger = await createAuthority({ commonName: 'Test CA', now });
    await writeFile(join(folder, 'stranger.pem'), stranger.authority.pem);
    expect(await python(port, 'localhost', join(folder, 'stranger.pem'))).toMatchObject({
      error: 'CERTIFICATE_VERIFY_FAILED',
    });
    listener?.close();
    const outside = await issueServerCertificate({ authority, hosts: ['bank.example'], now });
    expect(await python(await serve(outside), 'bank.example')).toMatchObject({
      verify: 'permitted subtree violation',
    });
  });
});
