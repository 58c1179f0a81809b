import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect as connectTcp } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { connect as connectTls } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test } from 'vitest';
import { createEdgeMetrics } from '../../../electron/core/tunnel/edge/edge-metrics.ts';
import { listenOperations } from '../../../electron/core/tunnel/edge/operations.ts';
import { createAuthority } from '../../../electron/core/tunnel/pki/authority.ts';
import { createCsr } from '../../../electron/core/tunnel/pki/certificate-request.ts';
import { issueServerCertificate } from '../../../electron/core/tunnel/pki/issue-certificate.ts';
import {
  clientHello,
  connectorFor,
  digest,
  join as joinTunnel,
  remainder,
  startConnector,
  startEdge,
  wideLimits,
} from '../../fixtures/edge-harness.ts';

const domain = 'box.edge.test';
const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** Reads the text format as strictly as a scraper: each sample belongs to a family with HELP and TYPE. */
function parseMetrics(text: string): Map<string, number> {
  const samples = new Map<string, number>();
  const families = new Set<string>();
  expect(text.endsWith('\n')).toBe(true);
  for (const line of text.trimEnd().split('\n')) {
    const type = /^# TYPE (\w+) (counter|gauge)$/.exec(line);
    if (type) families.add(type[1] ?? '');
    if (line.startsWith('#')) continue;
    const sample = /^(\w+)(\{\w+="(?:[^"\\\n]|\\.)*"\})? (\d+(?:\.\d+)?)$/.exec(line);
    expect(sample, line).not.toBeNull();
    expect(families, line).toContain(sample?.[1]);
    samples.set(`${sample?.[1]?.replace('sallyport_edge_', '')}${sample?.[2] ?? ''}`, Number(sample?.[3]));
  }
  return samples;
}

async function echo(port: number): Promise<number> {
  const hello = await clientHello(domain);
  const socket = connectTcp({ host: '127.0.0.1', port, allowHalfOpen: true });
  socket.end(hello);
  return (await digest(socket)).bytes;
}

test('metrics count what happened; a stranger cannot make series; readyz says when it drains', async () => {
  const metrics = createEdgeMetrics();
  const edge = await startEdge({ log: metrics.count });
  closers.push(() => edge.edge.close(0));
  let ready = true;
  const operations = await listenOperations(0, {
    status: edge.edge.status,
    metrics: () => metrics.render(edge.edge.status()),
    ready: () => ready,
  });
  closers.push(() => operations.close());
  const get = (path: string) => fetch(`http://127.0.0.1:${operations.port}${path}`);
  const connector = connectorFor(await joinTunnel(edge));
  closers.push(() => connector.stop(0));
  await startConnector(connector, (stream) => stream.pipe(stream));
  const bytes = await echo(edge.port);
  for (const name of ['a.nowhere', 'b"\\.nowhere', domain]) {
    const socket = connectTcp({ host: '127.0.0.1', port: edge.port });
    socket.end(name === domain ? 'rubbish' : await clientHello(name));
    await remainder(socket);
  }
  await expect.poll(() => edge.events.some((event) => event.event === 'public_close')).toBe(true);
  const answer = await get('/metrics');
  expect(answer.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
  const text = await answer.text();
  expect(text).not.toContain('nowhere');
  expect(Object.fromEntries(parseMetrics(text))).toMatchObject({
    public_connections_total: 1,
    public_connections: 0,
    'public_refused_total{reason="other"}': 3,
    connector_connections_total: 2,
    enrolled_total: 1,
    'bytes_total{direction="in"}': bytes,
    'bytes_total{direction="out"}': bytes,
    'tunnel_connections{tunnel="box.edge.test"}': 2,
  });
  expect((await get('/readyz')).status).toBe(200);
  ready = false;
  expect((await get('/readyz')).status).toBe(503);
  expect((await get('/healthz')).status).toBe(200);
  expect((await get('/')).status).toBe(404);
});

test('reload: limits, allow-list and certificate are in force from the next connection on; a bad one changes nothing', async () => {
  const { csrPem, keyPem } = await createCsr();
  const edge = await startEdge({ agentsAllowed: ['127.0.0.1'] });
  closers.push(() => edge.edge.close(0));
  const agent = await edge.edge.enrolment.addAgent('cloud', csrPem);
  const own = { host: '127.0.0.1', port: edge.port, ca: [edge.authority.pem], cert: agent.pem, key: keyPem };
  const open = connectTls({ ...own, servername: 'agents.edge.test', ALPNProtocols: ['http/1.1'] });
  open.on('error', () => undefined);
  await once(open, 'secureConnect');

  const { authority } = await createAuthority({ commonName: 'Public CA', now: Date.now() });
  const issued = await issueServerCertificate({ authority, hosts: ['edge.test'], now: Date.now() });
  const publicCertificate = { certificate: issued.pem, key: issued.keyPem };
  await expect(
    edge.edge.reload({ agentsAllowed: [], publicCertificate: { ...publicCertificate, key: keyPem } }),
  ).rejects.toThrow(expect.objectContaining({ code: 'bad_certificate' }));
  await expect(edge.edge.reload({ agentsAllowed: ['nobody'] })).rejects.toThrow(
    expect.objectContaining({ code: 'bad_allow_list' }),
  );
  expect(open.destroyed).toBe(false);

  const gone = once(open, 'close');
  const limits = { ...wideLimits, source: { open: 1, perSecond: 1_000, burst: 1_000 } };
  await edge.edge.reload({ limits, agentsAllowed: ['192.0.2.0/24'], publicCertificate });
  await gone;
  const https = connectTls({ host: '127.0.0.1', port: edge.port, servername: 'edge.test', ca: [authority.pem] });
  await once(https, 'secureConnect');
  const second = connectTcp({ host: '127.0.0.1', port: edge.port });
  expect((await remainder(second)).error?.code).toBe('ECONNRESET');
  https.destroy();
});

test('SIGHUP reads the configuration again; what needs a restart, or is wrong, is logged and changes nothing', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sp-hup-'));
  closers.push(() => rm(folder, { recursive: true, force: true }));
  const program = fileURLToPath(new URL('../../fixtures/edge-process.ts', import.meta.url));
  const run = (...words: string[]) => {
    const child = spawn(process.execPath, [program, 'edge', ...words, '--json'], { stdio: ['ignore', 'pipe', 'pipe'] });
    closers.push(() => child.kill('SIGKILL'));
    return child;
  };
  const words = ['--name', 'edge.test', '--port', '0', '--host', '127.0.0.1', '--operations', 'off'];
  await once(run('init', folder, ...words), 'close');
  const config = join(folder, 'edge.yaml');
  const child = run('run', '--config', config);
  const events = createInterface({ input: child.stderr })[Symbol.asyncIterator]();
  const next = async (wanted: string): Promise<{ reason?: string }> => {
    for (;;) {
      const { value, done } = await events.next();
      if (done) throw new Error('the edge ended');
      const event = JSON.parse(value) as { event: string; reason?: string };
      if (event.event === wanted) return event;
    }
  };
  await once(createInterface({ input: child.stdout }), 'line');
  const text = await readFile(config, 'utf8');
  for (const [change, wanted, reason] of [
    [`${text}limits: { total: 5 }\n`, 'reloaded', undefined],
    [`${text}limitz: { total: 5 }\n`, 'reload_refused', 'limitz'],
    [text.replace('port: 0', 'port: 1'), 'reload_refused', 'restart'],
    [text, 'reloaded', undefined],
  ] as const) {
    await writeFile(config, change);
    child.kill('SIGHUP');
    const event = await next(wanted);
    if (reason) expect(event.reason).toContain(reason);
  }
  child.kill('SIGTERM');
  expect(await once(child, 'close')).toEqual([143, null]);
}, 40_000);
