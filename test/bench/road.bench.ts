/**
 * An allowed `tools/call` through everything (edge, tunnel, inner TLS, token, policy, log, stdio) against the same call
 * straight to the server over stdio, in one run. Prints ratios: bare times differ from machine to machine.
 */
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { connectLegacy, connectModern, trust } from '../agents.ts';
import { cliPath, startApp } from '../app-process.ts';

const rounds = 6;
const callsARound = 100;
const atOnce = 16;

interface Caller {
  callTool(call: { name: string; arguments: Record<string, unknown> }): Promise<unknown>;
}

const call = { name: 'list_notes', arguments: {} };

async function latencies(caller: Caller, count: number): Promise<number[]> {
  const times: number[] = [];
  for (let index = 0; index < count; index += 1) {
    const started = performance.now();
    await caller.callTool(call);
    times.push(performance.now() - started);
  }
  return times;
}

async function rate(caller: Caller, count: number): Promise<number> {
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

const app = await startApp();
try {
  await app.cli('servers', 'add', 'sample', '--command', process.execPath, '--arg', cliPath, '--arg', 'sample-server');
  const { url } = await app.cli<{ url: string }>('servers', 'share', 'sample');
  trust((await app.cli<{ pem: string }>('tunnel', 'ca')).pem);
  const { token } = await app.cli<{ token: string }>('agents', 'token', '--server', 'sample');

  const direct = new Client({ name: 'bench', version: '1.0.0' });
  await direct.connect(
    new StdioClientTransport({ command: process.execPath, args: [cliPath, 'sample-server'], stderr: 'ignore' }),
  );
  const ways: [string, Caller & { close(): Promise<void> }][] = [
    ['straight to the server (stdio)', direct],
    ['through everything, 2025-11-25', await connectLegacy(url, token)],
    ['through everything, 2026-07-28', await connectModern(url, token)],
  ];
  for (const [, caller] of ways) await latencies(caller, 30);

  const times = new Map<string, number[]>();
  const rates = new Map<string, number[]>();
  for (let round = 0; round < rounds; round += 1) {
    for (const [name, caller] of ways) {
      times.set(name, [...(times.get(name) ?? []), ...(await latencies(caller, callsARound))]);
      rates.set(name, [...(rates.get(name) ?? []), await rate(caller, callsARound * 2)]);
    }
  }
  const base = times.get(ways[0]?.[0] ?? '') ?? [];
  const baseRate = quantile(rates.get(ways[0]?.[0] ?? '') ?? [], 0.5);
  console.log(`an allowed tools/call, ${rounds * callsARound} calls one by one, then ${atOnce} at once`);
  for (const [name] of ways) {
    const mine = times.get(name) ?? [];
    const perSecond = quantile(rates.get(name) ?? [], 0.5);
    console.log(
      `${name.padEnd(34)} median ${quantile(mine, 0.5).toFixed(2)} ms (×${(quantile(mine, 0.5) / quantile(base, 0.5)).toFixed(2)})` +
        `  p95 ${quantile(mine, 0.95).toFixed(2)} ms (+${(quantile(mine, 0.95) - quantile(base, 0.95)).toFixed(2)} ms)` +
        `  ${perSecond.toFixed(0)} calls/s (×${(perSecond / baseRate).toFixed(2)})`,
    );
  }
  for (const [, caller] of ways) await caller.close();
} finally {
  await app.dispose();
}
