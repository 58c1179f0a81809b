import { once } from 'node:events';
import { copyFile, mkdtemp, readdir, rm } from 'node:fs/promises';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type TLSSocket } from 'node:tls';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createKeyfileSealer } from '../../../electron/core/secrets/keyfile-sealer.ts';
import type { Secrets } from '../../../electron/core/secrets/secrets.ts';
import { createSecrets } from '../../../electron/core/secrets/secrets-file.ts';
import { createInnerTls, type InnerTls } from '../../../electron/core/tunnel/inner-tls/inner-tls.ts';
import { type AppCertificates, createAppCertificates } from '../../../electron/core/tunnel/pki/app-certificates.ts';
import { createManualClock } from '../../manual-clock.ts';

const domain = 'box.example.net';
const year = 365 * 86_400_000;

let folder: string;
let secrets: Secrets;
let clock: ReturnType<typeof createManualClock>;
let certificates: AppCertificates;
let innerTls: InnerTls;
let listener: Server;

const pki = (name: string): string => join(folder, 'pki', `${domain}.${name}.pem`);
const bundle = (): string =>
  certificates
    .authorities()
    .map(({ pem }) => pem)
    .join('\n');
const roles = (): string[] => certificates.authorities().map(({ role }) => role);

async function open(): Promise<void> {
  certificates?.close();
  certificates = await createAppCertificates({ domain, secrets, folder: join(folder, 'pki'), clock });
  innerTls?.setCertificate(certificates.current());
  certificates.onChange((next) => innerTls.setCertificate(next));
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sp-rotation-'));
  secrets = await createSecrets({
    path: join(folder, 'secrets.json'),
    sealer: createKeyfileSealer({ path: join(folder, 'keyfile') }),
  });
  clock = createManualClock(Date.now());
  certificates = await createAppCertificates({ domain, secrets, folder: join(folder, 'pki'), clock });
  certificates.onChange((next) => innerTls.setCertificate(next));
  innerTls = createInnerTls({
    certificate: certificates.current(),
    onRequest: (_request, response) => void response.end('here'),
  });
  listener = createServer((socket) =>
    innerTls.accept(socket, { id: 'x', edge: 'test', transport: 'tls', door: 'sni' }),
  ).listen(0, '127.0.0.1');
  await once(listener, 'listening');
});
afterEach(async () => {
  certificates.close();
  await innerTls.close(0);
  listener.close();
  await once(listener, 'close');
  await rm(folder, { recursive: true, force: true });
});

/** An agent that trusts `ca` alone. @throws where it meets a stranger */
async function agent(ca: string): Promise<TLSSocket> {
  const { port } = listener.address() as AddressInfo;
  const socket = connect({ host: '127.0.0.1', port, servername: domain, ca, ALPNProtocols: ['http/1.1'] });
  await once(socket, 'secureConnect');
  socket.on('error', () => undefined);
  return socket;
}
async function accepts(ca: string): Promise<boolean> {
  return await agent(ca).then(
    (socket) => Boolean(socket.destroy()),
    () => false,
  );
}
async function ask(socket: TLSSocket): Promise<string> {
  socket.write(`GET / HTTP/1.1\r\nHost: ${domain}\r\n\r\n`);
  const [data] = (await once(socket, 'data')) as [Buffer];
  return data.toString();
}

test('agents that trust both authorities meet no stranger at any step, over restarts, and an open connection stays', async () => {
  const before = certificates.ca().pem;
  const held = await agent(before);
  expect(await ask(held)).toContain('here');
  await certificates.rotate('begin');
  expect(roles()).toEqual(['active', 'next']);
  const both = bundle();
  expect([await accepts(before), await accepts(both)]).toEqual([true, true]);
  await open();
  expect(bundle()).toBe(both);

  await certificates.rotate('switch');
  expect(roles()).toEqual(['active', 'old']);
  const after = certificates.ca().pem;
  expect([await accepts(before), await accepts(both), await accepts(after)]).toEqual([false, true, true]);
  expect(await ask(held)).toContain('here');
  held.destroy();
  await open();
  expect(roles()).toEqual(['active', 'old']);
  expect([await accepts(both), await accepts(after)]).toEqual([true, true]);

  await certificates.rotate('finish');
  expect(roles()).toEqual(['active']);
  expect(await accepts(after)).toBe(true);
  // One certificate and one key are left.
  expect((await readdir(join(folder, 'pki'))).filter((name) => name.includes('.ca'))).toEqual([`${domain}.ca.pem`]);
  expect(secrets.names(`pki:${domain}:ca-key`)).toHaveLength(1);

  // And once more: the second change has no key under the bare name.
  for (const step of ['begin', 'switch', 'finish'] as const) {
    await certificates.rotate(step);
    await open();
  }
  expect([await accepts(after), await accepts(certificates.ca().pem)]).toEqual([false, true]);
  expect(secrets.names(`pki:${domain}:ca-key`)).toHaveLength(1);
});

test('a crash in the middle of a step leaves the one before or the one after', async () => {
  await certificates.rotate('begin');
  const both = bundle();
  // As far as `switch` gets before its rename.
  await copyFile(pki('ca'), pki('ca-old'));
  await open();
  expect(roles()).toEqual(['active', 'next']);
  expect(bundle()).toBe(both);
  await certificates.rotate('switch');
  expect(await accepts(both)).toBe(true);
  expect(roles()).toEqual(['active', 'old']);
});

test('steps out of order are refused, begin can be taken back, and an authority near its end can be changed', async () => {
  for (const step of ['switch', 'finish', 'cancel'] as const) {
    await expect(certificates.rotate(step)).rejects.toMatchObject({ code: 'authority_rotation' });
  }
  const { fingerprint } = certificates.ca();
  await certificates.rotate('begin');
  await expect(certificates.rotate('begin')).rejects.toMatchObject({ code: 'authority_rotation' });
  await certificates.rotate('cancel');
  expect(certificates.ca().fingerprint).toBe(fingerprint);
  expect(secrets.names(`pki:${domain}:ca-key`)).toHaveLength(1);

  clock.advance(4.9 * year);
  await certificates.rotate('begin');
  await certificates.rotate('switch');
  expect(Date.parse(certificates.ca().notAfter)).toBeGreaterThan(clock.now() + 4 * year);
});
