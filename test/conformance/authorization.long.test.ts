import { spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import * as z from 'zod';
import { freePort } from '../fixtures/free-port.ts';
import { type OauthStage, register, startStage, TestBrowser } from '../integration/oauth/stage.ts';

const suite = join(import.meta.dirname, '../../node_modules/@modelcontextprotocol/conformance/dist/index.js');
const checks = z.array(z.object({ id: z.string(), status: z.string(), errorMessage: z.string().optional() }));
let stage: OauthStage;
let folder: string;
beforeAll(async () => {
  stage = await startStage();
  folder = await mkdtemp(join(tmpdir(), 'sallyport-authorization-'));
  await writeFile(join(folder, 'ca.pem'), (await stage.ask('tunnel.ca', {})).pem);
});
afterAll(async () => {
  await stage.close();
  await rm(folder, { recursive: true, force: true });
});

/** A client that registers, and one that is known by the address of its metadata document. */
const clients: Readonly<Record<string, () => Promise<string>>> = {
  registered: async () => {
    const redirects = ['http://127.0.0.1/callback'];
    const { body } = await register(stage.issuer, { client_name: 'Suite', redirect_uris: redirects });
    return String(body.client_id);
  },
  'named by its document': async () => 'https://claude.ai/oauth/claude-code-client-metadata',
};

it.each(Object.keys(clients))(
  'the suite’s authorization command passes through edge and tunnel, its client %s',
  async (kind) => {
    await stage.ask('agents.letIn', {});
    const clientId = (await clients[kind]?.()) ?? '';
    const port = await freePort();
    const output = join(folder, kind.replaceAll(' ', '-'));
    const args = ['authorization', '--url', stage.issuer, '--client-id', clientId, '--resource', stage.url];
    const child = spawn(process.execPath, [suite, ...args, '-p', String(port), '-o', output], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, NODE_EXTRA_CA_CERTS: join(folder, 'ca.pem') },
    });
    let said = '';
    const asked = new Promise<string>((resolve, reject) => {
      for (const stream of [child.stdout, child.stderr]) {
        stream.setEncoding('utf8').on('data', (text: string) => {
          said += text;
          const address = /^https:\/\/\S+\/authorize\?\S+$/m.exec(said)?.[0];
          if (address !== undefined) resolve(address);
        });
      }
      child.once('close', () => reject(new Error(`the suite asked for no authorization: ${said}`)));
    });
    const closed = new Promise<number | null>((resolve) => child.once('close', resolve));
    const browser = new TestBrowser(stage.issuer);
    const page = await browser.visit(await asked);
    const consent = await stage.consent();
    await stage.ask('consents.answer', { id: consent.id, answer: 'allow' });
    const back = await browser.type(page, consent.code);
    expect((await fetch(back.url)).status).toBe(200);
    expect(await closed, said).toBe(0);
    const found: Record<string, string> = {};
    for (const name of await readdir(output)) {
      for (const check of checks.parse(JSON.parse(await readFile(join(output, name, 'checks.json'), 'utf8')))) {
        found[check.id] = check.errorMessage ?? check.status;
      }
    }
    // None failed, none skipped, none warned of.
    expect(found).toEqual({
      'authorization-server-metadata': 'SUCCESS',
      'authorization-server-metadata-cimd': 'SUCCESS',
      'authorization-code-grant': 'SUCCESS',
    });
  },
);
