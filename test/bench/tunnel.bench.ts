/**
 * The tunnel alone: the same trivial handler straight over HTTPS, through edge, tunnel and inner TLS (by raw TLS, and by the
 * WebSocket), and by `ssh -R` where OpenSSH is; edge, app and client in processes of their own, ways in turn within one run. Prints ratios: bare times differ from machine to machine.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import https from 'node:https';
import { availableParallelism, loadavg, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { joinEdge } from '../../electron/core/tunnel/connectors/enrol.ts';
import { provideTool } from '../debian-tools.mjs';
import { agentTo, connectorFor, startConnector } from '../fixtures/edge-harness.ts';
import { startSshd } from '../fixtures/sshd.ts';

const rounds = 4;
const callsARound = 200;
const atOnce = 16;
const bulkBytes = 24 * 1_048_576;
const idleTunnels = 8;
const idleConnections = 16;
const idleStreams = 200;
const restarts = 3;

const here = import.meta.dirname;
const children = new Set<ChildProcess>();
const folder = await mkdtemp(join(tmpdir(), 'sallyport-bench-'));
const config = join(folder, 'edge.yaml');

function start(file: string, ...args: string[]): ChildProcess {
  const child = spawn(process.execPath, [join(here, file), ...args], { stdio: ['ignore', 'pipe', 'ignore', 'ipc'] });
  children.add(child);
  return child;
}
async function firstLine<T>(child: ChildProcess): Promise<T> {
  const [line] = (await once(createInterface({ input: child.stdout as NodeJS.ReadableStream }), 'line')) as [string];
  return JSON.parse(line) as T;
}
const edgeCommand = (...words: string[]): ChildProcess =>
  start('../fixtures/edge-process.ts', 'edge', ...words, '--json');
const runEdge = (): ChildProcess => edgeCommand('run', '--config', config);
async function invite(name: string): Promise<string> {
  return (await firstLine<{ join: string }>(edgeCommand('invite', '--config', config, '--name', name))).join;
}

/** One way to the handler. */
interface Way {
  readonly name: string;
  readonly agent: https.Agent;
  readonly target: https.RequestOptions;
}
function call(way: Way, path: string, body: Buffer | string = ''): Promise<number> {
  return new Promise((resolve, reject) => {
    const method = body.length > 0 ? 'POST' : 'GET';
    const headers = { 'content-length': Buffer.byteLength(body) };
    const request = https.request({ ...way.target, agent: way.agent, path, method, headers }, (response) => {
      let bytes = 0;
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
      });
      response.on('end', () => resolve(bytes));
      response.on('error', reject);
    });
    request.on('error', reject);
    request.end(body);
  });
}
const question = JSON.stringify({ arguments: 'y'.repeat(210) });

function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

try {
  const words = ['--name', 'edge.test', '--port', '0', '--host', '127.0.0.1', '--operations', '0'];
  await once(edgeCommand('init', folder, ...words), 'close');
  const text = `${await readFile(config, 'utf8')}public: { host: 127.0.0.1 }
limits: { source: { open: 5000, perSecond: 5000, burst: 5000 }, tunnel: { open: 5000, perSecond: 5000, burst: 5000 } }
`;
  await writeFile(config, text);
  let edge = runEdge();
  const { port, operations } = await firstLine<{ port: number; operations: number }>(edge);
  // It comes back on the same port later.
  await writeFile(config, text.replace(/^port: 0$/m, `port: ${port}`));
  const appProcess = start('tunnel-app.ts', await invite('box'), await invite('carried'));
  const app = await firstLine<{ direct: number; domain: string; carried: string; ca: string }>(appProcess);
  const [sshd, ssh] = [provideTool('sshd'), provideTool('ssh')];
  const server = sshd && ssh ? await startSshd({ sshd, ssh }, folder) : undefined;
  const forwarded = await server?.forward(app.direct);
  const common = { host: '127.0.0.1', ca: app.ca };
  const keepAlive = { keepAlive: true, maxSockets: atOnce };
  const agent = (): https.Agent => new https.Agent(keepAlive);
  const straight: Way = { name: 'straight HTTPS', agent: agent(), target: { ...common, port: app.direct } };
  const byEdge = (name: string, domain: string): Way => ({
    name,
    agent: agent(),
    target: { ...common, port, servername: domain, headers: { host: domain } },
  });
  const tunnel = byEdge('edge, tunnel, inner TLS', app.domain);
  const ways: readonly Way[] = [
    straight,
    tunnel,
    byEdge('the same in a WebSocket', app.carried),
    ...(forwarded
      ? [{ name: 'ssh -R, HTTPS inside', agent: agent(), target: { ...common, port: forwarded.port } }]
      : []),
  ];
  const figures = new Map(
    ways.map((way) => [
      way,
      { times: [] as number[], rates: [] as number[], down: [] as number[], up: [] as number[] },
    ]),
  );
  const upload = Buffer.alloc(bulkBytes, 3);
  for (const way of ways) for (let at = 0; at < 200; at += 1) await call(way, '/small', question);
  // Memory of idle streams with inner TLS in the app; first, since bulk leaves it room that they would hide in.
  const resident = async (): Promise<number> => {
    const answered = once(appProcess, 'message');
    appProcess.send('memory');
    const [{ rss }] = (await answered) as [NodeJS.MemoryUsage];
    return rss;
  };
  const lean = await resident();
  const streams = [];
  while (streams.length < idleStreams) {
    streams.push(...(await Promise.all(Array.from({ length: 20 }, () => agentTo(port, app.domain, app.ca)))));
  }
  const idleStream = ((await resident()) - lean) / idleStreams / 1_024;
  for (const stream of streams) stream.destroy();

  for (let round = 0; round < rounds; round += 1) {
    for (const way of ways) {
      const mine = figures.get(way);
      for (let at = 0; at < callsARound; at += 1) {
        const started = performance.now();
        await call(way, '/small', question);
        mine?.times.push(performance.now() - started);
      }
      let left = callsARound * 4;
      let started = performance.now();
      const worker = async (): Promise<void> => {
        while (left > 0) {
          left -= 1;
          await call(way, '/small', question);
        }
      };
      await Promise.all(Array.from({ length: atOnce }, worker));
      mine?.rates.push((callsARound * 4) / (performance.now() - started));
      started = performance.now();
      await call(way, `/down?${bulkBytes}`);
      mine?.down.push(bulkBytes / (performance.now() - started));
      started = performance.now();
      await call(way, '/up', upload);
      mine?.up.push(bulkBytes / (performance.now() - started));
    }
  }
  const base = figures.get(straight);
  if (!base) throw new Error('no figures');
  const ratio = (a: number, b: number): string => (a / b).toFixed(2);
  console.log(
    `${availableParallelism()} cores, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.versions.node}, load ${loadavg()[0]?.toFixed(1)}`,
  );
  console.log(
    `ratios to "${straight.name}", ${rounds * callsARound} calls one by one, then ${atOnce} at once; bulk of ${bulkBytes / 2 ** 20} MiB`,
  );
  for (const way of ways.slice(1)) {
    const mine = figures.get(way);
    if (!mine) continue;
    console.log(`${way.name}`);
    console.log(
      `  median latency   ${ratio(quantile(mine.times, 0.5), quantile(base.times, 0.5))}  (${quantile(mine.times, 0.5).toFixed(2)} ms to ${quantile(base.times, 0.5).toFixed(2)} ms)`,
    );
    console.log(`  p99 latency      ${ratio(quantile(mine.times, 0.99), quantile(base.times, 0.99))}`);
    console.log(`  calls a second   ${ratio(quantile(mine.rates, 0.5), quantile(base.rates, 0.5))}`);
    console.log(`  bulk download    ${ratio(quantile(mine.down, 0.5), quantile(base.down, 0.5))}`);
    console.log(`  bulk upload      ${ratio(quantile(mine.up, 0.5), quantile(base.up, 0.5))}`);
  }
  if (!forwarded) console.log('  (ssh -R is left out: no sshd here)');
  await forwarded?.stop();
  await server?.stop();

  console.log('memory and coming back');
  console.log(
    `  an idle stream with inner TLS in the app: ${idleStream.toFixed(0)} KiB resident (${idleStreams} of them)`,
  );

  // Time from the edge's listening again to the first call that succeeds.
  const back: number[] = [];
  const fresh = { ...tunnel, agent: new https.Agent({ keepAlive: false }) };
  for (let at = 0; at < restarts; at += 1) {
    const ended = once(edge, 'close');
    edge.kill('SIGKILL');
    await ended;
    edge = runEdge();
    await firstLine(edge);
    const started = performance.now();
    while ((await call(fresh, '/small', question).catch(() => 0)) === 0)
      await new Promise((resolve) => setTimeout(resolve, 10));
    back.push(performance.now() - started);
  }
  console.log(
    `  first call after the edge is back: median ${quantile(back, 0.5).toFixed(0)} ms, longest ${Math.max(...back).toFixed(0)} ms of ${restarts}`,
  );

  // Memory of idle tunnel connections at the edge.
  const lastOperations = await operationsPort();
  const residentAtEdge = async (): Promise<number> => {
    const metrics = await (await fetch(`http://127.0.0.1:${lastOperations}/metrics`)).text();
    return Number(/memory_bytes\{kind="resident"\} (\d+)/.exec(metrics)?.[1]);
  };
  const before = await residentAtEdge();
  const idle = [];
  for (let tunnel = 0; tunnel < idleTunnels; tunnel += 1) {
    const connector = connectorFor(await joinEdge(await invite(`idle${tunnel}`)), { connections: idleConnections });
    await startConnector(connector, (stream) => stream.destroy(), idleConnections);
    idle.push(connector);
  }
  const count = idleTunnels * idleConnections;
  console.log(
    `  an idle tunnel connection at the edge: ${(((await residentAtEdge()) - before) / count / 1_024).toFixed(0)} KiB resident (${count} of them)`,
  );
  for (const connector of idle) await connector.stop(0);

  async function operationsPort(): Promise<number> {
    const ended = once(edge, 'close');
    edge.kill('SIGKILL');
    await ended;
    edge = runEdge();
    const ready = await firstLine<{ operations: number }>(edge);
    return ready.operations || operations;
  }
} finally {
  for (const child of children) child.kill('SIGKILL');
  await rm(folder, { recursive: true, force: true });
}
process.exit(0);
