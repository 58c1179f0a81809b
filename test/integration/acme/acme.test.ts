import type { X509Certificate } from 'node:crypto';
import { Resolver } from 'node:dns/promises';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { checkCaa } from '../../../electron/core/tunnel/acme/caa.ts';
import { createAuthority } from '../../../electron/core/tunnel/pki/authority.ts';
import { issueServerCertificate } from '../../../electron/core/tunnel/pki/issue-certificate.ts';
import type { CertificateView } from '../../../electron/shared/views.ts';
import { startEdge, type TestEdge } from '../../fixtures/edge-harness.ts';
import { type Forwarder, startForwarder } from '../../fixtures/forwarder.ts';
import { startProxy, type TestProxy } from '../../fixtures/http-proxy.ts';
import { type Pebble, pebbleWords, startPebble } from '../../fixtures/pebble.ts';
import { callEcho, openForward, type Stage, startStage } from '../forward/stage.ts';

// Public certificates by ACME through the tunnel itself, ordered at pebble. Every public name leads to 127.0.0.1, for the authority
// by its own DNS and for the app by a proxy.

const name = 'box.forward.test';

describe.skipIf(pebbleWords !== '')(`a public certificate${pebbleWords}`, () => {
  let folder: string;
  let pebble: Pebble;
  let proxy: TestProxy;
  let stage: Stage | undefined;
  let forwarder: Forwarder | undefined;
  let edge: TestEdge | undefined;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sp-acme-'));
    pebble = await startPebble(folder);
    proxy = await startProxy({ to: '127.0.0.1' });
    await writeFile(join(folder, 'ca.pem'), `${pebble.apiCa}\n${pebble.root}`);
  }, 60_000);
  afterAll(async () => {
    await proxy.close();
    await pebble.stop();
    await rm(folder, { recursive: true, force: true });
  });
  afterEach(async () => {
    vi.unstubAllEnvs();
    await stage?.close();
    await forwarder?.close();
    await edge?.edge.close(0);
    stage = undefined;
    forwarder = undefined;
    edge = undefined;
  });

  const start = async (options: Parameters<typeof startStage>[0] = {}): Promise<Stage> => {
    vi.stubEnv('HTTPS_PROXY', `http://127.0.0.1:${proxy.port}`);
    vi.stubEnv('SALLYPORT_CA_FILE', join(folder, 'ca.pem'));
    stage = await startStage(options);
    return stage;
  };
  const behindForwarder = async (options: Parameters<typeof startStage>[0] = {}): Promise<Stage> => {
    const started = await start(options);
    const { local } = await openForward(started, name, pebble.tlsPort);
    forwarder = await startForwarder(local, { port: pebble.tlsPort });
    return started;
  };
  const usePublic = async (app: Stage): Promise<CertificateView> =>
    await app.cli<CertificateView>(
      ...['tunnel', 'certificate', 'use', 'public', '--directory', pebble.directory, '--agree-terms'],
    );

  /** Opens one TLS connection as an agent. @returns who signed what it met */
  const meet = async (version: 'TLSv1.2' | 'TLSv1.3', ca: string): Promise<string> => {
    const socket = connect({
      host: '127.0.0.1',
      port: pebble.tlsPort,
      servername: name,
      ca: [ca, pebble.root],
      minVersion: version,
      maxVersion: version,
      ALPNProtocols: ['http/1.1'],
    });
    await once(socket, 'secureConnect');
    const issuer = socket.getPeerX509Certificate()?.issuer ?? '';
    socket.destroy();
    return issuer;
  };

  test('through a forwarder: ordered, served at once, proven by a call that trusts the public alone; other agents never meet the challenge', async () => {
    const app = await behindForwarder();
    const { pem: ca } = await app.cli<{ pem: string }>('tunnel', 'ca');
    const refused = await app.tryCli(...['tunnel', 'certificate', 'use', 'public', '--directory', pebble.directory]);
    expect(refused.error()).toMatchObject({ code: 'acme_terms', hint: expect.stringContaining('--agree-terms') });
    expect(await app.cli('tunnel', 'certificate')).toMatchObject({ kind: 'own' });

    // Agents of both TLS versions come all the while, and a hand-shake that fails would throw here.
    const met = new Set<string>();
    let ordering = true;
    const agents = (['TLSv1.2', 'TLSv1.3'] as const).map(async (version) => {
      while (ordering) met.add(await meet(version, ca));
      return await meet(version, ca);
    });
    const view = await usePublic(app);
    ordering = false;
    expect(await Promise.all(agents)).toEqual([expect.stringContaining('Pebble'), expect.stringContaining('Pebble')]);
    expect([...met].every((issuer) => /Pebble|Sallyport CA/.test(issuer))).toBe(true);
    expect(view).toMatchObject({ kind: 'public', domain: name, directory: pebble.directory });
    expect(Date.parse(view.renewAt ?? '')).toBeLessThan(Date.parse(view.notAfter));

    const { url, token } = await app.share();
    expect(url).toBe(`https://${name}:${pebble.tlsPort}/echo/mcp`);
    expect(await callEcho(url, token, pebble.root, 'publicly')).toContain('publicly');
    await expect(callEcho(url, token, ca, 'privately')).rejects.toThrow();
    expect(await app.cli('status')).toMatchObject({ state: 'sharing', probe: { ok: true } });
    expect(await app.cli('tunnel', 'status')).toMatchObject({
      certificate: { fingerprint: view.fingerprint, kind: 'public' },
    });
    const doctor = (await app.tryCli('doctor')).stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(doctor.find((line) => line.check === 'forwarder')).toMatchObject({ ok: true });

    // Back to our own authority, and from there what is stored serves again only if it is asked for.
    expect(await app.cli('tunnel', 'certificate', 'use', 'own')).toMatchObject({ kind: 'own' });
    expect(await meet('TLSv1.3', ca)).toContain('Sallyport CA');
  }, 60_000);

  test('through an edge of one’s own: the edge passes the challenge on unopened', async () => {
    edge = await startEdge({}, pebble.tlsPort);
    const app = await start();
    const line = join(app.folder, 'line');
    await writeFile(line, await edge.joinLine('box.edge.test'));
    await app.cli('tunnel', 'use', 'edge', '--join-file', line);
    await expect.poll(async () => (await app.cli('tunnel', 'probe')).ok, { timeout: 10_000 }).toBe(true);
    expect(await usePublic(app)).toMatchObject({ kind: 'public', domain: 'box.edge.test' });
    const { url, token } = await app.share();
    expect(await callEcho(url, token, pebble.root, 'by the edge')).toContain('by the edge');
  }, 60_000);

  test('a name that does not lead here: the authority’s words are told, the certificate in use stays, and asking again has to wait', async () => {
    const app = await start();
    await openForward(app, name, pebble.tlsPort);
    const use = ['tunnel', 'certificate', 'use', 'public', '--directory', pebble.directory, '--agree-terms'];
    expect((await app.tryCli(...use)).error()).toMatchObject({ code: 'acme_challenge_failed', hop: 'edge' });
    expect(await app.cli('tunnel', 'certificate')).toMatchObject({ kind: 'own' });
    expect((await app.tryCli(...use)).error()).toMatchObject({ code: 'certificate_wait' });
    const gone = use.with(5, 'https://localhost:1/dir');
    expect((await app.tryCli(...gone)).error()).toMatchObject({ code: 'acme_unreachable' });
    await app.cli('tunnel', 'use', 'embedded');
    expect((await app.tryCli(...use)).error()).toMatchObject({ code: 'certificate_not_possible' });
  }, 60_000);

  test('a certificate that the public trusts and that is not ours pauses everything; one of a portal does not', async () => {
    const { authority } = await createAuthority({ commonName: 'Public Root', now: Date.now() });
    const forged = await issueServerCertificate({ authority, hosts: [name], now: Date.now() });
    const app = await behindForwarder({ publicRoots: [authority.pem] });
    await usePublic(app);
    const { local } = (await app.cli<{ forward: { local: number } }>('tunnel', 'status')).forward;
    const stranger = async (own: { pem: string; keyPem: string }): Promise<Record<string, unknown>> => {
      await forwarder?.close();
      forwarder = await startForwarder(local, { port: pebble.tlsPort, ending: { cert: own.pem, key: own.keyPem } });
      return (await app.tryCli('tunnel', 'probe')).json() as Record<string, unknown>;
    };
    const { authority: portal } = await createAuthority({ commonName: 'Hotel', now: Date.now() });
    const inHotel = await issueServerCertificate({ authority: portal, hosts: [name], now: Date.now() });
    expect(await stranger(inHotel)).toMatchObject({ ok: false, hop: 'inner-tls' });
    expect(await app.cli('status')).not.toMatchObject({ state: 'paused' });
    expect(await stranger(forged)).toMatchObject({ ok: false, hop: 'inner-tls' });
    expect(await app.cli('status')).toMatchObject({ state: 'paused' });
    expect(await app.cli('tunnel', 'status')).toMatchObject({ detail: expect.stringContaining('not this machine’s') });
  }, 60_000);

  test('CAA records: what the authority’s DNS says is judged, and the record to set is named', async () => {
    const resolver = new Resolver();
    resolver.setServers([pebble.dns]);
    const about = {
      domain: 'box.caa.test',
      account: 'https://ca.test/acct/1',
      caaIdentities: ['pebble.letsencrypt.org'],
    };
    const check = () => checkCaa(about, (host) => resolver.resolveCaa(host));
    const { record, state } = await check();
    expect(state).toBe('none');
    expect(record).toContain('accounturi=https://ca.test/acct/1; validationmethods=tls-alpn-01');
    await pebble.setCaa('caa.test', 'other.example');
    expect(await check()).toMatchObject({ state: 'forbidden' });
    await pebble.setCaa('box.caa.test', 'pebble.letsencrypt.org');
    expect(await check()).toMatchObject({ state: 'open' });
    const bound = /"(.*)"/.exec(record ?? '')?.[1] ?? '';
    const second = { ...about, domain: 'two.caa.test' };
    await pebble.setCaa('two.caa.test', bound);
    expect(await checkCaa(second, (host) => resolver.resolveCaa(host))).toMatchObject({ state: 'bound' });
    expect(await checkCaa(second, () => Promise.reject(new Error('no DNS')))).toMatchObject({ state: 'unknown' });
  });

  test('what it gave is an ordinary certificate of one name, by a key that was made here', async () => {
    const app = await behindForwarder();
    await usePublic(app);
    const socket = connect({ host: '127.0.0.1', port: pebble.tlsPort, servername: name, ca: pebble.root });
    await once(socket, 'secureConnect');
    const met = socket.getPeerX509Certificate() as X509Certificate;
    socket.destroy();
    expect(met.subjectAltName).toBe(`DNS:${name}`);
    expect(met.publicKey.asymmetricKeyDetails?.namedCurve).toBe('prime256v1');
  }, 60_000);
});
