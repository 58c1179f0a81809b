import { once } from 'node:events';
import { mkdir, readFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import tls from 'node:tls';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createAuthority } from '../../../electron/core/tunnel/pki/authority.ts';
import { issueServerCertificate } from '../../../electron/core/tunnel/pki/issue-certificate.ts';
import type { RequestOutput } from '../../../electron/shared/contract.ts';
import { connectLegacy } from '../../agents.ts';
import { startForwarder } from '../../fixtures/forwarder.ts';
import { freePort } from '../../fixtures/free-port.ts';
import { cliHere } from '../cli/cli.ts';
import { authorizeUrl, knock, type OauthStage, pkce, register, startStage, TestBrowser } from './stage.ts';

let stage: OauthStage;
beforeAll(async () => {
  stage = await startStage();
});
afterAll(() => stage.close());

describe('Write it for me', () => {
  const project = () => join(stage.folder, 'project');

  test('shows the change, writes it, and takes it out again at unshare; a token in a repository needs a second step', async () => {
    await mkdir(join(project(), '.git'), { recursive: true });
    const wish = { server: 'other', program: 'cursor', project: project() } as const;
    const shown = await stage.ask('connect.propose', wish);
    expect(shown).toMatchObject({ exists: false, repository: project(), file: join(project(), '.cursor/mcp.json') });
    expect(shown.lines.map(({ text }) => text).join('\n')).toContain(stage.otherUrl);
    const written = await stage.ask('connect.write', { ...wish, digest: shown.digest });
    expect(JSON.parse(await readFile(written.file, 'utf8'))).toEqual({
      mcpServers: { other: { url: stage.otherUrl } },
    });

    const withToken = { ...wish, token: true };
    const { digest } = await stage.ask('connect.propose', withToken);
    await expect(stage.ask('connect.write', { ...withToken, digest })).rejects.toMatchObject({
      code: 'token_in_repository',
    });
    const second = await stage.ask('connect.write', { ...withToken, digest, inRepository: true });
    const { mcpServers } = JSON.parse(await readFile(written.file, 'utf8'));
    const token = String(mcpServers.other.headers.Authorization).replace('Bearer ', '');
    expect((await knock(stage.otherUrl, token)).status).toBe(200);
    const { agents } = await stage.ask('agents.list', {});
    expect(agents.find((agent) => agent.id === `token:${second.token}`)?.name).toBe('Cursor');
    // The digest of another wish opens nothing, and no token is left over by the attempt.
    await expect(
      stage.ask('connect.write', { ...withToken, digest: shown.digest, inRepository: true }),
    ).rejects.toThrow();
    expect((await stage.ask('agents.list', {})).agents).toHaveLength(agents.length);

    await stage.ask('servers.unshare', { server: 'other' });
    expect(JSON.parse(await readFile(written.file, 'utf8'))).toEqual({ mcpServers: {} });
    await expect(stage.ask('connect.propose', wish)).rejects.toMatchObject({ code: 'server_not_shared' });
    await stage.ask('servers.share', { server: 'other' });
    expect((await stage.notes()).join('\n')).not.toContain(token);
  });
});

test('the command line shows the change and how to write it, and writes only when told', async () => {
  const project = join(stage.folder, 'by command');
  await mkdir(project);
  const connect = (...more: string[]) =>
    cliHere(['connect', 'cursor', 'other', '--project', project, ...more, '--data-dir', join(stage.folder, 'data')]);
  const shown = await connect();
  expect(shown.stdout).toContain(`+ `);
  expect(shown.stdout).toContain(`Write it: sallyport connect cursor other --write --project '${project}'`);
  await expect(readFile(join(project, '.cursor/mcp.json'))).rejects.toMatchObject({ code: 'ENOENT' });
  const written = await connect('--write');
  expect(written.stdout).toContain('Written. The file is new.');
  expect(JSON.parse(await readFile(join(project, '.cursor/mcp.json'), 'utf8'))).toEqual({
    mcpServers: { other: { url: stage.otherUrl } },
  });
  await mkdir(join(project, '.git'));
  const refused = await connect('--token', '--write', '--json');
  expect(refused.status).not.toBe(0);
  expect(refused.error().code).toBe('token_in_repository');
});

type Progress = RequestOutput<'connect.wait'>;

/** The share sheet's wait: what it saw last, and the next thing that fits. */
class Waiting {
  readonly #since = new Date().toISOString();
  #seen: string | undefined;
  async until(fits: (progress: Progress) => boolean): Promise<Progress> {
    for (;;) {
      const seen = this.#seen === undefined ? {} : { seen: this.#seen };
      const progress = await stage.ask('connect.wait', { server: stage.slug, since: this.#since, ...seen });
      this.#seen = progress.key;
      if (fits(progress)) return progress;
    }
  }
  stopped = (): Promise<Progress> => this.until(({ state }) => state === 'stopped');
}

describe('the wait for the first call', () => {
  let waiting: Waiting;
  beforeEach(async () => {
    // Calls of one test are none of the next one's.
    await new Promise((resolve) => setTimeout(resolve, 2));
    waiting = new Waiting();
    expect(await waiting.until(() => true)).toEqual({ state: 'waiting', key: 'waiting' });
  });
  const agent = async (tools?: string[]) => {
    const input = { server: stage.slug, name: 'First agent', ...(tools ? { tools } : {}) };
    const { token } = await stage.ask('agents.token', input);
    return await connectLegacy(stage.url, token);
  };

  test('success: who called, and what', async () => {
    const client = await agent();
    await client.listTools();
    const called = await waiting.until((progress) => progress.state === 'called' && progress.what === 'tools/list');
    expect(called).toMatchObject({ agent: 'First agent' });
    await client.close();
  });

  test('certificate: the agent does not trust our authority', async () => {
    const { hostname, port } = new URL(stage.url);
    const socket = tls.connect({
      host: hostname,
      port: Number(port),
      servername: hostname,
      ca: [],
      rejectUnauthorized: true,
    });
    socket.on('error', () => {});
    expect(await waiting.stopped()).toMatchObject({
      hop: 'inner-tls',
      why: expect.stringContaining('may not trust our certificate authority'),
      hint: expect.stringContaining('sallyport tunnel ca'),
    });
  });

  test('OAuth: a token that opens nothing, a closed door, and a person who denies', async () => {
    expect((await knock(stage.url, 'sp_nothing')).status).toBe(401);
    expect(await waiting.stopped()).toMatchObject({ hop: 'oauth', why: 'It brought no token that is known here.' });
    await stage.ask('agents.letIn', { forMs: 0 });
    await register(stage.issuer, { client_name: 'Stranger', redirect_uris: ['http://127.0.0.1:9/cb'] });
    expect(await waiting.stopped()).toMatchObject({ hop: 'oauth', why: expect.stringContaining('Let an agent in') });
    await stage.ask('agents.letIn', {});
    const { body } = await register(stage.issuer, { client_name: 'Hopeful', redirect_uris: ['http://127.0.0.1:9/cb'] });
    const address = authorizeUrl(stage, String(body.client_id), 'http://127.0.0.1:9/cb', pkce().challenge);
    await new TestBrowser(stage.issuer).visit(address);
    const { id } = await stage.consent();
    await stage.ask('consents.answer', { id, answer: 'deny' });
    expect(await waiting.stopped()).toMatchObject({ hop: 'oauth', why: 'Hopeful asked for access: denied.' });
  });

  test('policy: a rule denies the call', async () => {
    await stage.ask('policy.set', {
      text: 'version: 1\nrules:\n  - id: no-lists\n    when:\n      tool: list_notes\n    then: deny\n    reason: not today\n',
    });
    const client = await agent();
    await client.callTool({ name: 'list_notes', arguments: {} });
    expect(await waiting.stopped()).toMatchObject({ hop: 'policy', why: expect.stringContaining('not today') });
    await stage.ask('policy.set', { text: 'version: 1\nrules: []\n' });
    await client.close();
  });

  test('approval: the person denies the call', async () => {
    const client = await agent();
    const call = client.callTool({ name: 'write_note', arguments: { name: 'n', text: 't' } });
    const { approvals } = await stage.until((state) => state.approvals.length > 0);
    await stage.ask('approvals.answer', { id: approvals[0]?.id ?? '', answer: 'deny', reason: 'wrong folder' });
    await call;
    expect(await waiting.stopped()).toMatchObject({ hop: 'approval', why: expect.stringContaining('wrong folder') });
    await client.close();
  });

  test('server: it ends in the middle of the call', async () => {
    const broken = `process.stdin.on('data', (chunk) => { for (const line of String(chunk).trim().split('\\n')) {
      const { id, method } = JSON.parse(line);
      if (method === 'tools/call') process.exit(3);
      const answers = { initialize: { protocolVersion: '2025-11-25', capabilities: { tools: {} }, serverInfo: { name: 'b', version: '1' } },
        'tools/list': { tools: [{ name: 'read_it', inputSchema: { type: 'object' }, annotations: { readOnlyHint: true } }] } };
      if (id !== undefined) console.log(JSON.stringify({ jsonrpc: '2.0', id, ...(answers[method] ? { result: answers[method] } : { error: { code: -32601, message: 'no' } }) }));
    } })`;
    await stage.ask('servers.add', { name: 'broken', command: process.execPath, args: ['-e', broken] });
    const { url } = await stage.ask('servers.share', { server: 'broken' });
    await stage.ask('tools.set', { server: 'broken', tool: 'read_it', access: 'allow' });
    const since = new Date().toISOString();
    const { token } = await stage.ask('agents.token', { server: 'broken' });
    const client = await connectLegacy(url, token);
    await client.callTool({ name: 'read_it', arguments: {} }).catch(() => {});
    await expect
      .poll(() => stage.ask('connect.wait', { server: 'broken', since }))
      .toMatchObject({ state: 'stopped', hop: 'server', why: expect.stringContaining('read_it') });
    await client.close();
    await stage.ask('servers.remove', { server: 'broken' });
  });
});

test('the road itself: edge unreachable, tunnel without this machine, TLS that ends elsewhere, each by its hop', async () => {
  const port = await freePort();
  const { forward } = await stage.ask('tunnel.use', { way: 'forward', forward: { host: 'localhost', port } });
  const waiting = new Waiting();
  const next = async (hop: string) => {
    await stage.ask('tunnel.probe', {});
    return await waiting.until((progress) => progress.state === 'stopped' && progress.hop === hop);
  };
  expect(await next('edge')).toMatchObject({ why: expect.stringContaining(`localhost:${port}`) });

  const deaf = createServer((socket) => socket.destroy()).listen(port, '127.0.0.1');
  await once(deaf, 'listening');
  expect((deaf.address() as AddressInfo).port).toBe(port);
  expect(await next('tunnel')).toMatchObject({ why: expect.stringContaining('no way to this machine') });
  await new Promise((resolve) => deaf.close(resolve));

  const { authority } = await createAuthority({ commonName: 'Helpful Forwarder', now: Date.now() });
  const own = await issueServerCertificate({ authority, hosts: ['localhost'], now: Date.now() });
  const ending = { cert: own.pem, key: own.keyPem };
  const reading = await startForwarder(forward?.local ?? 0, { port, ending });
  expect(await next('inner-tls')).toMatchObject({ why: expect.stringContaining('Helpful Forwarder') });
  await reading.close();

  const honest = await startForwarder(forward?.local ?? 0, { port });
  await stage.ask('tunnel.probe', {});
  const mended = new Waiting();
  await mended.until(({ state }) => state === 'waiting');
  const { token } = await stage.ask('agents.token', { server: stage.slug, name: 'At last' });
  const client = await connectLegacy(`https://localhost:${port}/${stage.slug}/mcp`, token);
  await client.listTools();
  expect(await mended.until(({ state }) => state === 'called')).toMatchObject({ agent: 'At last' });
  await client.close();
  await honest.close();
});
