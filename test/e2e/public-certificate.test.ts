import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type AppProcess, startApp } from '../app-process.ts';
import { type Forwarder, startForwarder } from '../fixtures/forwarder.ts';
import { startProxy, type TestProxy } from '../fixtures/http-proxy.ts';
import { type Pebble, pebbleWords, startPebble } from '../fixtures/pebble.ts';

// The built app, a certificate authority and a forwarder: what integration/acme shows of the sources holds for the bundle.

describe.skipIf(pebbleWords !== '')(`a public certificate, by the built app${pebbleWords}`, () => {
  let folder: string;
  let pebble: Pebble;
  let proxy: TestProxy;
  let app: AppProcess;
  let forwarder: Forwarder | undefined;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sallyport-public-'));
    pebble = await startPebble(folder);
    proxy = await startProxy({ to: '127.0.0.1' });
    await writeFile(join(folder, 'ca.pem'), `${pebble.apiCa}\n${pebble.root}`);
    vi.stubEnv('HTTPS_PROXY', `http://127.0.0.1:${proxy.port}`);
    vi.stubEnv('SALLYPORT_CA_FILE', join(folder, 'ca.pem'));
    app = await startApp();
    vi.unstubAllEnvs();
  }, 60_000);
  afterAll(async () => {
    await app?.dispose();
    await forwarder?.close();
    await proxy?.close();
    await pebble?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  it('is ordered through the forwarder and serves', async () => {
    const where = ['--name', 'box.forward.test', '--port', String(pebble.tlsPort)];
    const used = await app.cli<{ forward: { local: number } }>('tunnel', 'use', 'forward', ...where);
    forwarder = await startForwarder(used.forward.local, { port: pebble.tlsPort });
    const words = ['--directory', pebble.directory, '--agree-terms'];
    const view = await app.cli('tunnel', 'certificate', 'use', 'public', ...words);
    expect(view).toMatchObject({ kind: 'public', domain: 'box.forward.test' });
    expect(await app.cli('tunnel', 'probe')).toMatchObject({ ok: true });
  }, 60_000);
});
