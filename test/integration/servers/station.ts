import { fileURLToPath } from 'node:url';
import { createServers, type ServersDeps } from '../../../electron/core/servers/create-servers.ts';
import type { ServerRecord, Servers } from '../../../electron/core/servers/servers.ts';
import type { UpstreamAnswer, UpstreamSession } from '../../../electron/core/servers/upstream-session.ts';
import { systemClock } from '../../../electron/core/state/system-clock.ts';
import { fromPlain, type JsonNode, JsonObject, memberAt, parseJson } from '../../../electron/shared/json-tree.ts';

/** The absolute path of a fixture server. */
export function fixture(file: string): string {
  return fileURLToPath(new URL(`../../fixtures/mcp-servers/${file}`, import.meta.url));
}

/** The absolute path of a script in an installed package. */
export function installed(path: string): string {
  return fileURLToPath(new URL(`../../../node_modules/${path}`, import.meta.url));
}

/** A record of a Node script started over stdio. */
export function scriptRecord(script: string, args: readonly string[] = [], env: readonly string[] = []): ServerRecord {
  const target = { kind: 'stdio', command: process.execPath, args: [script, ...args], env } as const;
  return { slug: 'under-test', name: 'Under test', shared: true, target };
}

/** A record of an HTTP upstream. */
export function urlRecord(url: string): ServerRecord {
  return { slug: 'under-test', name: 'Under test', shared: true, target: { kind: 'http', url } };
}

/** A station on the real clock, with values for `server-env:` secrets. */
export function station(deps: Partial<ServersDeps> = {}, secrets: Readonly<Record<string, string>> = {}): Servers {
  return createServers({
    secrets: { get: async (name) => secrets[name] },
    clock: systemClock,
    client: { name: 'sallyport', version: '0.0.0' },
    environment: process.env,
    ...deps,
  });
}

/** Calls a tool. */
export function callTool(
  session: UpstreamSession,
  name: string,
  args: unknown = {},
  options: Parameters<UpstreamSession['request']>[2] & { readonly token?: JsonNode } = {},
): Promise<UpstreamAnswer> {
  const { token, ...rest } = options;
  const params = new JsonObject([
    ['name', name],
    ['arguments', fromPlain(args)],
    ...(token === undefined ? [] : [['_meta', new JsonObject([['progressToken', token]])] as const]),
  ]);
  return session.request('tools/call', params, rest);
}

/** The first text block of an answer. */
export function textOf(answer: UpstreamAnswer): string {
  if ('error' in answer) throw new Error(`an error came: ${JSON.stringify(answer.error.get('message'))}`);
  const content = memberAt(answer.result, 'content');
  const first = Array.isArray(content) ? memberAt(content[0], 'text') : undefined;
  return typeof first === 'string' ? first : '';
}

/** Parses JSON into an object tree. */
export function tree(text: string): JsonObject {
  const node = parseJson(text);
  if (!(node instanceof JsonObject)) throw new Error('not an object');
  return node;
}

/** Whether a process is there and no zombie. */
export async function runs(pid: number): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  const { readFile } = await import('node:fs/promises');
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return stat === '' || !/^\d+ \(.*\) Z /s.test(stat);
}

/** Resolves once none of the processes runs; looks again every 20 ms, since nobody is told of another's child's end. */
export async function allGone(pids: readonly number[], withinMs = 5_000): Promise<void> {
  const end = performance.now() + withinMs;
  for (;;) {
    const left: number[] = [];
    for (const pid of pids) if (await runs(pid)) left.push(pid);
    if (left.length === 0) return;
    if (performance.now() > end) throw new Error(`still running: ${left.join(', ')}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
