import { createHash, X509Certificate } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createKeyfileSealer } from '../../../electron/core/secrets/keyfile-sealer.ts';
import type { Secrets } from '../../../electron/core/secrets/secrets.ts';
import { createSecrets } from '../../../electron/core/secrets/secrets-file.ts';
import { type AppCertificates, createAppCertificates } from '../../../electron/core/tunnel/pki/app-certificates.ts';
import type { SallyportError } from '../../../electron/shared/errors.ts';
import { createManualClock } from '../../manual-clock.ts';

const day = 86_400_000;
let data: string;
let clock: ReturnType<typeof createManualClock>;
let secrets: Secrets;
const open: AppCertificates[] = [];

beforeEach(async () => {
  data = await mkdtemp(join(tmpdir(), 'sallyport-certs-'));
  clock = createManualClock();
  secrets = await openSecrets();
});
afterEach(async () => {
  for (const certificates of open.splice(0)) certificates.close();
  await rm(data, { recursive: true });
});

function openSecrets(): Promise<Secrets> {
  return createSecrets({
    path: join(data, 'secrets', 'secrets.json'),
    sealer: createKeyfileSealer({ path: join(data, 'secrets', 'key') }),
  });
}

async function start(domain = 'localhost', onTrouble?: (error: SallyportError) => void): Promise<AppCertificates> {
  const certificates = await createAppCertificates({
    domain,
    secrets,
    folder: join(data, 'pki'),
    clock,
    ...(onTrouble ? { onTrouble } : {}),
  });
  open.push(certificates);
  return certificates;
}

test('makes an authority and a certificate once, and finds both again', async () => {
  const first = await start();
  const certificate = new X509Certificate(first.current().cert);
  expect(certificate.subjectAltName).toBe('DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1');
  expect(certificate.checkIssued(new X509Certificate(first.ca().pem))).toBe(true);
  secrets = await openSecrets();
  const second = await start();
  expect(second.ca()).toEqual(first.ca());
  expect(second.current()).toEqual(first.current());
});

test('keeps private keys out of the folder of certificates', async () => {
  const certificates = await start();
  const names = await readdir(join(data, 'pki'));
  expect(names.sort()).toEqual(['localhost.ca.pem', 'localhost.server.pem']);
  for (const name of names) expect(await readFile(join(data, 'pki', name), 'utf8')).not.toContain('PRIVATE');
  expect(await readFile(join(data, 'secrets', 'secrets.json'), 'utf8')).not.toContain(
    certificates.current().key.slice(30, 90),
  );
});

test('has one authority for each domain', async () => {
  const local = await start();
  const edge = await start('box.example');
  expect(edge.ca().fingerprint).not.toBe(local.ca().fingerprint);
  expect(new X509Certificate(edge.current().cert).subjectAltName).toBe('DNS:box.example');
  await expect(start('../etc/passwd')).rejects.toMatchObject({ code: 'bad_certificate_name' });
});

test('never makes a new authority where the key is gone', async () => {
  await start();
  const before = await readFile(join(data, 'pki', 'localhost.ca.pem'), 'utf8');
  await rm(join(data, 'secrets'), { recursive: true });
  secrets = await openSecrets();
  await expect(start()).rejects.toMatchObject({ code: 'certificate_key_missing', hop: 'app' });
  expect(await readFile(join(data, 'pki', 'localhost.ca.pem'), 'utf8')).toBe(before);
  expect(secrets.names()).toEqual([]);
});

test('takes up the key again where only the certificates are gone', async () => {
  const first = await start();
  await rm(join(data, 'pki'), { recursive: true });
  const second = await start();
  const pin = (pem: string) =>
    createHash('sha256')
      .update(new X509Certificate(pem).publicKey.export({ format: 'der', type: 'spki' }))
      .digest('hex');
  expect(pin(second.ca().pem)).toBe(pin(first.ca().pem));
});

test.each(['damaged', 'of another authority'])('replaces a server certificate that is %s', async (fault) => {
  const first = await start();
  const foreign = await start('box.example');
  await writeFile(join(data, 'pki', 'localhost.server.pem'), fault === 'damaged' ? 'x' : foreign.current().cert);
  const second = await start();
  expect(second.ca()).toEqual(first.ca());
  expect(second.current().fingerprint).not.toBe(first.current().fingerprint);
  expect(new X509Certificate(second.current().cert).checkHost('localhost')).toBe('localhost');
});

test('renews at two thirds of the life, hot, and drops the old key', async () => {
  const certificates = await start();
  const first = certificates.current();
  const renewed = new Promise((resolve) => certificates.onChange(resolve));
  clock.advance(59 * day);
  expect(certificates.current()).toBe(first);
  clock.advance(2 * day);
  expect(await renewed).toBe(certificates.current());
  expect(certificates.current().fingerprint).not.toBe(first.fingerprint);
  expect(Date.parse(certificates.current().notAfter)).toBeGreaterThan(clock.now() + 88 * day);
  const { pin } = certificates.current();
  expect(secrets.names('pki:localhost:server-key:')).toEqual([`pki:localhost:server-key:${pin}`]);
  expect((await start()).current()).toEqual(certificates.current());
});

test('renews at start what came of age while the app was off', async () => {
  const first = await start();
  first.close();
  clock.jump(85 * day);
  expect((await start()).current().fingerprint).not.toBe(first.current().fingerprint);
});

test('keeps the certificate in use when a renewal fails, says so, and tries again', async () => {
  let told = (_error: SallyportError): void => {};
  const certificates = await start('localhost', (error) => told(error));
  const first = certificates.current();
  const real = secrets.set;
  secrets.set = () => Promise.reject(new Error('disk full'));
  const trouble = new Promise<SallyportError>((resolve) => {
    told = resolve;
  });
  clock.advance(61 * day);
  expect((await trouble).message).toBe('disk full');
  expect(certificates.current()).toBe(first);
  secrets.set = real;
  const renewed = new Promise((resolve) => certificates.onChange(resolve));
  clock.advance(day / 24);
  await renewed;
  expect(certificates.current()).not.toBe(first);
});

test('leaves no timer behind', async () => {
  const certificates = await start();
  expect(clock.pending).toBe(1);
  certificates.close();
  expect(clock.pending).toBe(0);
});
