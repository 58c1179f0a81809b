import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer, type TLSSocket } from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import { readNetwork } from '../../../electron/core/tunnel/connectors/network.ts';
import { createAuthority } from '../../../electron/core/tunnel/pki/authority.ts';
import { issueServerCertificate } from '../../../electron/core/tunnel/pki/issue-certificate.ts';
import { startProxy } from '../../fixtures/http-proxy.ts';
import { modernCall, openTunnelStage, type TunnelStage } from './tunnel-stage.ts';

// The way to OpenAI where only a proxy leads out, or a network inspects TLS. 0.0.0.0 is this machine under a name that is not
// loopback's, for which no proxy would be used.

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

type Env = (port: number) => Record<string, string>;

/** The stand-in behind TLS with a CA of its own, and a connector in such an environment. */
async function openSecured(env: Env, trusted = true): Promise<{ tunnel: TunnelStage; port: number }> {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-way-out-'));
  closers.push(() => rm(folder, { recursive: true, force: true }));
  const { authority } = await createAuthority({ commonName: 'Office', now: Date.now() });
  const issued = await issueServerCertificate({ authority, hosts: ['0.0.0.0'], now: Date.now() });
  const file = join(folder, 'ca.pem');
  await writeFile(file, authority.pem);
  let plain = 0;
  const open = new Set<TLSSocket>();
  const front = createServer({ cert: issued.pem, key: issued.keyPem }, (near) => {
    open.add(near);
    const far = connect(plain, '127.0.0.1');
    for (const one of [near, far]) {
      one.on('error', () => {});
      one.on('close', () => {
        near.destroy();
        far.destroy();
      });
    }
    near.pipe(far);
    far.pipe(near);
  });
  front.on('tlsClientError', () => {});
  front.listen(0, '127.0.0.1');
  await once(front, 'listening');
  closers.push(async () => {
    front.close();
    for (const one of open) one.destroy();
  });
  const { port } = front.address() as AddressInfo;
  const tunnel = await openTunnelStage({
    hold: true,
    network: readNetwork({ ...env(port), ...(trusted ? { SALLYPORT_CA_FILE: file } : {}) }),
    baseUrl(plainPort) {
      plain = plainPort;
      return `https://0.0.0.0:${port}`;
    },
  });
  closers.push(() => tunnel.close());
  return { tunnel, port };
}

const read = modernCall(1, 'read_note', { path: 'a.md' });

describe('the way to OpenAI', () => {
  it('goes through the HTTP proxy that the environment names, with its credentials and a CA from a bundle', async () => {
    const proxy = await startProxy({ credentials: 'user:pass word' });
    closers.push(proxy.close);
    const { tunnel, port } = await openSecured(() => ({
      HTTPS_PROXY: `http://user:pass%20word@127.0.0.1:${proxy.port}`,
    }));
    tunnel.connector.start();
    await tunnel.connector.proven();
    expect(JSON.stringify(await tunnel.plane.call(read))).toContain('"content"');
    expect(new Set(proxy.asked)).toEqual(new Set([`0.0.0.0:${port}`]));
    // Kept alive: not a new way for each poll and answer.
    expect(proxy.asked.length).toBeLessThanOrEqual(3);
    expect(tunnel.plane.violations).toEqual([]);
  });

  it('goes straight where NO_PROXY lists it', async () => {
    const proxy = await startProxy();
    closers.push(proxy.close);
    const { tunnel } = await openSecured((port) => ({
      HTTPS_PROXY: `http://127.0.0.1:${proxy.port}`,
      NO_PROXY: `0.0.0.0:${port}`,
    }));
    tunnel.connector.start();
    await tunnel.connector.proven();
    expect(proxy.asked).toEqual([]);
  });

  it('says what is wrong with the proxy, and never its credentials', async () => {
    const proxy = await startProxy({ credentials: 'user:right' });
    closers.push(proxy.close);
    const { tunnel } = await openSecured(() => ({ HTTPS_PROXY: `http://user:wrong-word@127.0.0.1:${proxy.port}` }));
    tunnel.connector.start();
    await tunnel.until((state) => state === 'trouble');
    const { error } = tunnel.connector.status();
    expect(error).toMatchObject({ code: 'proxy_auth_needed', hop: 'edge' });
    expect(JSON.stringify(error)).not.toContain('wrong-word');
    expect(tunnel.plane.polls).toEqual([]);
  });

  it('refuses a certificate that nobody vouches for, sends it no key, and names the way to mend it', async () => {
    const { tunnel } = await openSecured(() => ({}), false);
    tunnel.connector.start();
    await tunnel.until((state) => state === 'trouble');
    expect(tunnel.connector.status().error).toMatchObject({
      code: 'openai_untrusted',
      hint: expect.stringContaining('SALLYPORT_CA_FILE'),
    });
    expect(tunnel.plane.polls).toEqual([]);
  });
});
