import { type ChildProcess, spawn } from 'node:child_process';
import dns from 'node:dns';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as wait } from 'node:timers/promises';
import { expect } from 'vitest';
import { connectModern, trust } from '../../agents.ts';
import { type EdgeChild, startEdgeChild } from '../../fixtures/edge-child.ts';
import { cliHere } from '../cli/cli.ts';
import { form, knock, letIn, startStage } from '../oauth/stage.ts';

/** How long, and how often the edge is killed. */
export interface SoakOptions {
  readonly seconds: number;
  readonly killEverySeconds: number;
}

/** The names under an edge of the tests lead to this machine, for the agents here, until what is returned is called. */
function resolveHere(): () => void {
  const { lookup } = dns;
  const here = (host: string, ...rest: unknown[]): void =>
    (lookup as (...args: unknown[]) => void)(host.endsWith('.edge.test') ? '127.0.0.1' : host, ...rest);
  dns.lookup = here as typeof dns.lookup;
  return () => {
    dns.lookup = lookup;
  };
}

/** Kills the edge and starts it again until the time is over. @returns when it was back, each time */
async function killAgainAndAgain(edge: EdgeChild, end: number, everySeconds: number): Promise<number[]> {
  const back: number[] = [];
  while (performance.now() + everySeconds * 1_000 < end) {
    await wait(everySeconds * 1_000);
    await edge.kill();
    await wait(200);
    await edge.start();
    back.push(performance.now());
  }
  return back;
}

/**
 * An edge and an app as processes of their own; the edge is killed by SIGKILL again and again while agents call. Afterwards: no answer
 * belonged to another call, no call ran twice, and no call that was told to have run did not.
 */
export async function soakCalls({ seconds, killEverySeconds }: SoakOptions): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'sp-soak-'));
  const restore = resolveHere();
  const dataDir = join(folder, 'data');
  let app: ChildProcess | undefined;
  const edge = await startEdgeChild(join(folder, 'edge'));
  const cli = async <T>(...args: string[]): Promise<T> => {
    const run = await cliHere([...args, '--json', '--data-dir', dataDir]);
    expect(run.stderr, args.join(' ')).toBe('');
    return run.json() as T;
  };
  try {
    const program = join(import.meta.dirname, '../../demo/app-process.ts');
    app = spawn(process.execPath, [program, dataDir], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(createInterface({ input: app.stdout as NodeJS.ReadableStream }), 'line');
    app.stdout?.resume();
    const line = join(folder, 'line');
    await writeFile(line, await edge.invite('box'));
    await cli('tunnel', 'use', 'edge', '--join-file', line);
    await expect.poll(async () => (await cli<{ ok: boolean }>('tunnel', 'probe')).ok, { timeout: 10_000 }).toBe(true);
    const counts = join(folder, 'counts');
    const echo = join(import.meta.dirname, '../../fixtures/mcp-servers/echo-stdio.mjs');
    const words = [echo, 'say', 'heard', counts].flatMap((one) => ['--arg', one]);
    await cli('servers', 'add', 'echo', '--command', process.execPath, ...words);
    const { url } = await cli<{ url: string }>('servers', 'share', 'echo');
    await cli('tools', 'set', 'echo', 'say', 'allow');
    const { token } = await cli<{ token: string }>('agents', 'token', '--server', 'echo');
    trust((await cli<{ pem: string }>('tunnel', 'ca')).pem);

    const end = performance.now() + seconds * 1_000;
    let killing = true;
    const succeeded: { id: string; at: number }[] = [];
    const failed: string[] = [];
    const wrong: string[] = [];
    let next = 0;
    const call = async (): Promise<void> => {
      let client: Awaited<ReturnType<typeof connectModern>> | undefined;
      let after = 0;
      // Until each agent was answered after the last kill; a machine that is busy takes its time.
      while (killing || (after === 0 && performance.now() < end + 20_000)) {
        const id = `call-${next++}-`;
        try {
          client ??= await connectModern(url, token);
          const result = await client.callTool({ name: 'say', arguments: { text: id } }, { timeout: 5_000 });
          if (result.isError) failed.push(id);
          else if (JSON.stringify(result.content).includes(id)) succeeded.push({ id, at: performance.now() });
          else wrong.push(id);
          if (!killing) after += 1;
        } catch {
          failed.push(id);
          await client?.close().catch(() => undefined);
          client = undefined;
          await wait(20);
        }
      }
      await client?.close().catch(() => undefined);
    };
    const kills = killAgainAndAgain(edge, end, killEverySeconds).finally(() => {
      killing = false;
    });
    const [back] = await Promise.all([kills, call(), call(), call()]);

    const runs = new Map<string, number>();
    for (const one of (await readFile(counts, 'utf8')).trim().split('\n')) {
      const { text } = JSON.parse(one) as { text: string };
      runs.set(text, (runs.get(text) ?? 0) + 1);
    }
    const twice = [...runs].filter(([, count]) => count > 1).map(([id]) => id);
    const claimed = succeeded.filter(({ id }) => !runs.has(id)).map(({ id }) => id);
    expect({ wrong, twice, claimed }).toEqual({ wrong: [], twice: [], claimed: [] });
    // Each was told one of the two, and the kills were felt.
    expect(succeeded.length + failed.length).toBe(next);
    expect(back.length).toBeGreaterThan(0);
    expect(failed.length).toBeGreaterThan(0);
    expect(await cli('log', 'verify')).toMatchObject({ ok: true });
    const times = back.map((at) => (succeeded.find((one) => one.at > at)?.at ?? Number.NaN) - at).sort((a, b) => a - b);
    const median = times[Math.floor((times.length - 1) / 2)] ?? Number.NaN;
    // The connector's back-off is at most a second in the first minutes; a busy machine needs more for the rest.
    expect(median).toBeLessThan(3_000);
    process.stdout.write(
      `soak: ${succeeded.length} calls ran, ${failed.length} told as failed, ${back.length} kills, first call after ${median.toFixed(0)} ms (median)\n`,
    );
  } finally {
    restore();
    if (app && app.exitCode === null && app.signalCode === null) {
      const closed = once(app, 'close');
      app.kill('SIGTERM');
      await closed;
    }
    await edge.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

/** A grant is refreshed all the while the edge is killed again and again: answers are lost, the grant is not. */
export async function soakRefresh({ seconds, killEverySeconds }: SoakOptions): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'sp-soak-'));
  const restore = resolveHere();
  const edge = await startEdgeChild(join(folder, 'edge'));
  const stage = await startStage();
  try {
    await stage.ask('tunnel.use', { way: 'edge', join: await edge.invite('box') });
    await expect.poll(async () => (await stage.ask('tunnel.probe', {})).ok, { timeout: 10_000 }).toBe(true);
    trust((await stage.ask('tunnel.ca', {})).pem);
    const { servers } = await stage.ask('servers.list', {});
    const url = servers.find(({ slug }) => slug === stage.slug)?.publicUrl ?? '';
    const held = await letIn({ ...stage, url, issuer: new URL(url).origin });
    let { refresh, access } = held;
    let refreshed = 0;
    let lost = 0;
    const end = performance.now() + seconds * 1_000;
    const go = async (): Promise<void> => {
      while (performance.now() < end) {
        const fields = { grant_type: 'refresh_token', client_id: held.clientId, refresh_token: refresh, resource: url };
        try {
          const { status, body } = await form(`${new URL(url).origin}/token`, fields);
          if (status === 429 || status === 503) {
            await wait(200);
            continue;
          }
          expect([status, body]).toEqual([200, expect.objectContaining({ refresh_token: expect.any(String) })]);
          refresh = body.refresh_token ?? '';
          access = body.access_token ?? '';
          refreshed += 1;
        } catch (error) {
          // Only what broke off on the way may fail; an answer that refuses ends the test.
          if (!(error instanceof TypeError)) throw error;
          lost += 1;
        }
        await wait(20);
      }
    };
    await Promise.all([killAgainAndAgain(edge, end, killEverySeconds), go()]);
    expect([refreshed > 0, lost > 0]).toEqual([true, true]);
    await expect.poll(async () => (await stage.ask('tunnel.probe', {})).ok, { timeout: 10_000 }).toBe(true);
    expect((await knock(url, access)).status).toBe(200);
    process.stdout.write(`soak: ${refreshed} refreshes, ${lost} lost on the way\n`);
  } finally {
    restore();
    await stage.close();
    await edge.stop();
    await rm(folder, { recursive: true, force: true });
  }
}
