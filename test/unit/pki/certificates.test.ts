import 'reflect-metadata';
import { X509Certificate } from 'node:crypto';
import {
  BasicConstraintsExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  X509Certificate as ParsedCertificate,
  Pkcs10CertificateRequestGenerator,
} from '@peculiar/x509';
import { describe, expect, test } from 'vitest';
import { authorityLifetimeMs, createAuthority, loadAuthority } from '../../../electron/core/tunnel/pki/authority.ts';
import { certificateNames, isDnsName } from '../../../electron/core/tunnel/pki/certificate-names.ts';
import { createCsr } from '../../../electron/core/tunnel/pki/certificate-request.ts';
import { certificateFingerprint, privateKeyPin, publicKeyPin } from '../../../electron/core/tunnel/pki/fingerprint.ts';
import {
  issueClientCertificate,
  issueServerCertificate,
  leafLifetimeMs,
} from '../../../electron/core/tunnel/pki/issue-certificate.ts';
import { nameConstraintsOid } from '../../../electron/core/tunnel/pki/name-constraints.ts';

const now = Date.parse('2026-11-22T12:00:00.500Z');

describe('authority', () => {
  test('is a P-256 CA for five years, with a name of its own', async () => {
    const first = (await createAuthority({ commonName: 'Sallyport CA localhost', now })).authority;
    const second = (await createAuthority({ commonName: 'Sallyport CA localhost', now })).authority;
    const certificate = new X509Certificate(first.pem);
    expect(certificate.ca).toBe(true);
    expect(certificate.verify(certificate.publicKey)).toBe(true);
    expect(certificate.publicKey.asymmetricKeyDetails?.namedCurve).toBe('prime256v1');
    expect(certificate.subject).toMatch(/^CN=Sallyport CA localhost [0-9a-f]{8}$/);
    expect(new X509Certificate(second.pem).subject).not.toBe(certificate.subject);
    expect(first.notAfter.getTime()).toBe(Math.floor((now + authorityLifetimeMs) / 1_000) * 1_000);
    expect(first.notBefore.getTime()).toBeLessThan(now);
  });

  test('carries DNS constraints only: BoringSSL refuses chains with address constraints', async () => {
    const { authority } = await createAuthority({
      commonName: 'CA',
      permittedDnsNames: ['a.example', 'localhost'],
      now,
    });
    const extension = authority.certificate.getExtension(nameConstraintsOid);
    expect(extension?.critical).toBe(true);
    // SEQUENCE { [0] { SEQUENCE { [2] "a.example" }, SEQUENCE { [2] "localhost" } } }
    expect(Buffer.from(extension?.value ?? new ArrayBuffer()).toString('hex')).toBe(
      `301ca01a300b8209${Buffer.from('a.example').toString('hex')}300b8209${Buffer.from('localhost').toString('hex')}`,
    );
  });

  test('takes a long name', async () => {
    const { authority } = await createAuthority({ commonName: `Sallyport CA ${'x'.repeat(200)}`, now });
    expect(new X509Certificate(authority.pem).subject.length).toBeLessThanOrEqual('CN='.length + 64);
  });

  test('comes back from PEM, and only with its own key', async () => {
    const one = await createAuthority({ commonName: 'CA', now });
    const two = await createAuthority({ commonName: 'CA', now });
    const loaded = await loadAuthority({ certificatePem: one.authority.pem, keyPem: one.keyPem });
    expect(loaded.fingerprint).toBe(one.authority.fingerprint);
    const leaf = await issueServerCertificate({ authority: loaded, hosts: ['localhost'], now });
    expect(new X509Certificate(leaf.pem).verify(new X509Certificate(one.authority.pem).publicKey)).toBe(true);
    await expect(loadAuthority({ certificatePem: one.authority.pem, keyPem: two.keyPem })).rejects.toMatchObject({
      code: 'certificate_key_mismatch',
    });
    await expect(loadAuthority({ certificatePem: leaf.pem, keyPem: leaf.keyPem })).rejects.toMatchObject({
      code: 'certificate_invalid',
    });
    const failure = await loadAuthority({ certificatePem: one.authority.pem, keyPem: 'SECRET' }).catch(
      (error) => error,
    );
    expect(failure.code).toBe('certificate_key_invalid');
    expect(JSON.stringify(failure.toShape())).not.toContain('SECRET');
  });

  test('keeps name and pin when it is made again from the same key', async () => {
    const first = await createAuthority({ commonName: 'CA', now });
    const again = await createAuthority({ commonName: 'CA', now: now + 1_000, keyPem: first.keyPem });
    expect(again.authority.pin).toBe(first.authority.pin);
    expect(again.authority.certificate.subject).toBe(first.authority.certificate.subject);
  });
});

/** Key usage as its bits; all of ours are critical. */
function keyUsages(pem: string): number | undefined {
  const extension = new ParsedCertificate(pem).getExtension(KeyUsagesExtension);
  expect(extension?.critical).toBe(true);
  return extension?.usages;
}

test('each certificate says what its key is for, critically, and CA keys sign certificates only', async () => {
  const { authority } = await createAuthority({ commonName: 'CA', now });
  expect(keyUsages(authority.pem)).toBe(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign);
  expect(new ParsedCertificate(authority.pem).getExtension(BasicConstraintsExtension)).toMatchObject({
    ca: true,
    pathLength: 0,
    critical: true,
  });
  const server = await issueServerCertificate({ authority, hosts: ['localhost'], now });
  const csr = (await createCsr()).csrPem;
  const client = await issueClientCertificate({ authority, csr, commonName: 'x', now });
  // BoringSSL (Electron) refuses leaves without digitalSignature.
  expect([server, client].map(({ pem }) => keyUsages(pem))).toEqual([
    KeyUsageFlags.digitalSignature,
    KeyUsageFlags.digitalSignature,
  ]);
});

describe('server certificate', () => {
  test('has its names, its authority and 90 days', async () => {
    const { authority } = await createAuthority({ commonName: 'CA', now });
    const leaf = await issueServerCertificate({ authority, hosts: ['LocalHost', '127.0.0.1', '::1'], now });
    const certificate = new X509Certificate(leaf.pem);
    expect(certificate.subjectAltName).toBe('DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1');
    expect(certificate.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1']);
    expect(certificate.checkIssued(new X509Certificate(authority.pem))).toBe(true);
    expect(certificate.ca).toBe(false);
    expect(leaf.notAfter.getTime()).toBe(Math.floor((now + leafLifetimeMs) / 1_000) * 1_000);
    expect(certificate.serialNumber.toLowerCase()).toBe(leaf.serialNumber);
    expect(leaf.pin).toBe(privateKeyPin(leaf.keyPem));
    expect(leaf.pin).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(leaf.fingerprint).toBe(certificate.fingerprint256.replaceAll(':', '').toLowerCase());
  });

  test('never outlives its authority, and an expired one signs nothing', async () => {
    const { authority } = await createAuthority({ commonName: 'CA', now });
    const late = authority.notAfter.getTime() - 86_400_000;
    const leaf = await issueServerCertificate({ authority, hosts: ['localhost'], now: late });
    expect(leaf.notAfter).toEqual(authority.notAfter);
    for (const moment of [authority.notAfter.getTime(), authority.notBefore.getTime() - 1]) {
      await expect(issueServerCertificate({ authority, hosts: ['localhost'], now: moment })).rejects.toMatchObject({
        code: 'certificate_authority_expired',
      });
    }
  });

  test.each(['', 'a b', 'exa_mple.com/..', 'a..b', '*.*.a', '*', 'x'.repeat(64), 'ünicode.example', '1.2.3.4:80'])(
    'refuses %j as a name',
    async (host) => {
      expect(() => certificateNames([host])).toThrow(expect.objectContaining({ code: 'bad_certificate_name' }));
    },
  );

  test('tells host names from addresses', () => {
    expect(['localhost', 'a-b.example', 'x_y.example'].every(isDnsName)).toBe(true);
    expect(['127.0.0.1', '::1', '-a', 'A.example', '*.a.example', '../x'].some(isDnsName)).toBe(false);
  });
});

describe('client certificate', () => {
  test('takes the key from the request and nothing else', async () => {
    const { authority } = await createAuthority({ commonName: 'CA', now });
    const { csrPem, keyPem } = await createCsr();
    const issued = await issueClientCertificate({ authority, csr: csrPem, commonName: 'home', now });
    const certificate = new X509Certificate(issued.pem);
    expect(certificate.subject).toBe('CN=home');
    expect(certificate.subjectAltName).toBeUndefined();
    expect(certificate.keyUsage).toEqual(['1.3.6.1.5.5.7.3.2']);
    expect(publicKeyPin(certificate)).toBe(privateKeyPin(keyPem));
    expect(certificateFingerprint(issued.pem)).toBe(issued.fingerprint);
    const again = await createCsr(keyPem);
    const renewed = await issueClientCertificate({ authority, csr: again.csrPem, commonName: 'home', now });
    expect(renewed.pin).toBe(issued.pin);
    expect(renewed.serialNumber).not.toBe(issued.serialNumber);
  });

  test('refuses a request that is damaged, foreign, huge, or signed with another key', async () => {
    const { authority } = await createAuthority({ commonName: 'CA', now });
    const issue = (csr: string | Uint8Array) => issueClientCertificate({ authority, csr, commonName: 'x', now });
    const der = Buffer.from((await createCsr()).csrPem.replace(/-----[^-]+-----|\s/g, ''), 'base64');
    const tampered = Buffer.from(der);
    // Inside the name, so that it still parses and only the signature tells.
    tampered.write('X', der.indexOf('Sallyport'));
    const keys = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-384' }, true, ['sign', 'verify']);
    const p384 = await Pkcs10CertificateRequestGenerator.create({
      name: 'CN=x',
      keys,
      signingAlgorithm: { name: 'ECDSA', hash: 'SHA-384' },
    });
    const bad = ['', 'garbage', Buffer.alloc(9_000), tampered, der.subarray(0, -5), p384.toString('pem')];
    for (const csr of bad) {
      await expect(issue(csr)).rejects.toMatchObject({ code: 'csr_invalid', hop: 'edge' });
    }
    await expect(issue(tampered)).rejects.toThrow('signature is wrong');
    await expect(issue(der)).resolves.toBeDefined();
  });
});
