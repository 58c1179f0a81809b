import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createAuthority } from '../../../electron/core/tunnel/pki/authority.ts';
import { pythonStrictClient, runs } from '../pki/python-strict.ts';
import { type Harness, startHarness } from './harness.ts';

const run = promisify(execFile);
const hasOpenssl = runs('openssl', 'version');
const hasPython = runs('python3', '-c', 'import ssl; ssl.VERIFY_X509_STRICT');

let folder: string;
let harness: Harness;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sallyport-inner-'));
  harness = await startHarness({
    over: 'stream',
    onRequest: (request, response) => void response.end(`HTTP/${request.httpVersion}`),
  });
  await writeFile(join(folder, 'ca.pem'), harness.authority.pem);
});
afterEach(async () => {
  await harness.close();
  await rm(folder, { recursive: true });
});

async function python(ca: string, name: string, alpn: string): Promise<Record<string, string>> {
  const args = ['-c', pythonStrictClient, join(folder, ca), String(harness.port), name, alpn];
  return JSON.parse((await run('python3', args)).stdout);
}

describe.skipIf(!hasPython)(`Python ssl as client${hasPython ? '' : ' (skipped: no python3 here)'}`, () => {
  test.each([
    ['localhost', '', null],
    ['127.0.0.1', 'http/1.1', 'http/1.1'],
  ])('is served as %s with ALPN "%s"', async (name, alpn, chosen) => {
    const seen = await python('ca.pem', name, alpn);
    expect(seen).toMatchObject({ version: 'TLSv1.3', alpn: chosen });
    expect(seen.answer).toContain('HTTP/1.1 200 OK');
  });

  test('says in words that the agent does not trust our authority', async () => {
    const stranger = await createAuthority({ commonName: 'Stranger', now: Date.now() });
    await writeFile(join(folder, 'stranger.pem'), stranger.authority.pem);
    const failure = harness.nextFailure();
    expect(await python('stranger.pem', 'localhost', '')).toMatchObject({ error: 'CERTIFICATE_VERIFY_FAILED' });
    const { error, peer } = await failure;
    expect([error.code, error.hop, peer?.id]).toEqual(['tls_untrusted_ca', 'inner-tls', 'peer-1']);
    expect(error.hint).toContain('tunnel ca');
  });

  test('says in words that the name is none of the certificate’s', async () => {
    const failure = harness.nextFailure();
    expect(await python('ca.pem', 'a.b.localhost', '')).toMatchObject({ error: 'CERTIFICATE_VERIFY_FAILED' });
    expect((await failure).error.code).toBe('tls_bad_certificate');
  });
});

describe.skipIf(!hasOpenssl)(`openssl as client${hasOpenssl ? '' : ' (skipped: no openssl here)'}`, () => {
  test('says in words that the certificate has expired', async () => {
    const failure = harness.nextFailure();
    const later = String(Math.floor(Date.now() / 1000) + 20 * 365 * 86_400);
    const to = ['-connect', `127.0.0.1:${harness.port}`, '-servername', 'localhost'];
    const child = run('openssl', [
      's_client',
      ...to,
      '-CAfile',
      join(folder, 'ca.pem'),
      '-verify_return_error',
      '-attime',
      later,
    ]);
    child.child.stdin?.end();
    await child.catch(() => {});
    const { error } = await failure;
    expect([error.code, error.hint]).toEqual(['tls_certificate_expired', expect.stringContaining('clocks')]);
  });
});
