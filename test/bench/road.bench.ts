/**
 * An allowed `tools/call` through everything (edge, tunnel, inner TLS, token, policy, log, server) against the same call
 * straight to the server, in one run: over stdio and over HTTP, one by one and sixteen at once, and how fast a large result
 * streams. Prints ratios: bare times differ from machine to machine. `ROAD_ROUNDS` sets the rounds.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { connectLegacy, connectModern, trust } from '../agents.ts';
import { type AppProcess, cliPath, startApp } from '../app-process.ts';

const rounds = Number(process.env.ROAD_ROUNDS ?? 6);
const callsARound = 100;
const atOnce = 16;
/** Size of the large result in MiB, under the limit of 16. */
const large = 8;

interface Call {
  readonly name: string;
  readonly arguments: Record<string, unknown>;
}
interface Caller {
  callTool(call: Call): Promise<unknown>;
  close(): Promise<void>;
}
/** What was measured of one way. */
interface Measured {
  readonly times: number[];
  readonly rates: number[];
  readonly mebibytes: number[];
}

async function latencies(caller: Caller, call: Call, count: number): Promise<number[]> {
  const times: number[] = [];
  for (let index = 0; index < count; index += 1) {
    const started = performance.now();
    await caller.callTool(call);
    times.push(performance.now() - started);
  }
  return times;
}

async function rate(caller: Caller, call: Call, count: number): Promise<number> {
  let left = count;
  const started = performance.now();
  const worker = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      await caller.callTool(call);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return count / ((performance.now() - started) / 1_000);
}

function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** Measures the ways in turns, so that what else the machine does hits all alike, and prints them against the first. */
async function compare(title: string, ways: readonly (readonly [string, Caller])[], call: Call, much?: Call) {
  const measured = new Map<string, Measured>();
  for (const [name, caller] of ways) {
    measured.set(name, { times: [], rates: [], mebibytes: [] });
    await latencies(caller, call, 30);
  }
  for (let round = 0; round < rounds; round += 1) {
    for (const [name, caller] of ways) {
      const { times, rates, mebibytes } = measured.get(name) as Measured;
      times.push(...(await latencies(caller, call, callsARound)));
      rates.push(await rate(caller, call, callsARound * 2));
      if (much) mebibytes.push(large / ((await latencies(caller, much, 1))[0] ?? Number.NaN) / 0.001);
    }
  }
  console.log(`\n${title}: ${rounds * callsARound} calls one by one, then ${atOnce} at once`);
  const base = measured.get(ways[0]?.[0] ?? '') as Measured;
  for (const [name, { times, rates, mebibytes }] of measured) {
    const [median, p95] = [quantile(times, 0.5), quantile(times, 0.95)];
    const [perSecond, perBase] = [quantile(rates, 0.5), quantile(base.rates, 0.5)];
    const [fast, fastBase] = [quantile(mebibytes, 0.5), quantile(base.mebibytes, 0.5)];
    console.log(
      `${name.padEnd(32)} median ${median.toFixed(2)} ms (×${(median / quantile(base.times, 0.5)).toFixed(2)})` +
        `  p95 ${p95.toFixed(2)} ms (+${(p95 - quantile(base.times, 0.95)).toFixed(2)} ms)` +
        `  ${perSecond.toFixed(0)} calls/s (×${(perSecond / perBase).toFixed(2)})` +
        (much ? `  ${fast.toFixed(0)} MiB/s (×${(fast / fastBase).toFixed(2)})` : ''),
    );
  }
  for (const [, caller] of ways) await caller.close();
}

async function shared(app: AppProcess, name: string, ...target: string[]): Promise<{ url: string; token: string }> {
  await app.cli('servers', 'add', name, ...target);
  const { url } = await app.cli<{ url: string }>('servers', 'share', name);
  const { token } = await app.cli<{ token: string }>('agents', 'token', '--server', name);
  return { url, token };
}

const app = await startApp();
const http = spawn(process.execPath, [join(import.meta.dirname, '../fixtures/mcp-servers/streaming-http.ts')], {
  stdio: ['pipe', 'pipe', 'inherit'],
});
try {
  const [httpUrl] = (await once(createInterface({ input: http.stdout }), 'line')) as [string];
  const overStdio = await shared(
    app,
    'sample',
    ...['--command', process.execPath, '--arg', cliPath, '--arg', 'sample-server'],
  );
  const overHttp = await shared(app, 'streaming', '--url', httpUrl);
  trust((await app.cli<{ pem: string }>('tunnel', 'ca')).pem);
  const straight = async (transport: StdioClientTransport | StreamableHTTPClientTransport): Promise<Client> => {
    const client = new Client({ name: 'bench', version: '1.0.0' });
    await client.connect(transport);
    return client;
  };
  const child = { command: process.execPath, args: [cliPath, 'sample-server'], stderr: 'ignore' as const };
  const through = async ({ url, token }: { url: string; token: string }) =>
    [
      ['through everything, 2025-11-25', await connectLegacy(url, token)],
      ['through everything, 2026-07-28', await connectModern(url, token)],
    ] as const;
  await compare(
    'a server over stdio',
    [['straight to the server', await straight(new StdioClientTransport(child))], ...(await through(overStdio))],
    { name: 'list_notes', arguments: {} },
  );
  await compare(
    'a server over HTTP',
    [
      ['straight to the server', await straight(new StreamableHTTPClientTransport(new URL(httpUrl)))],
      ...(await through(overHttp)),
    ],
    { name: 'get_much', arguments: { mebibytes: 0, as: 'json' } },
    { name: 'get_much', arguments: { mebibytes: large, as: 'event' } },
  );
} finally {
  http.stdin.end();
  await app.dispose();
}
