import { tmpdir } from 'node:os';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { expect, onTestFinished } from 'vitest';
import type { ServerTarget } from '../../electron/core/servers/servers.ts';
import { initialize, legacy, modern, openStage, type Stage, send } from '../integration/gateway/stage.ts';

/**
 * The differ: asks a real server directly and through the gateway, in both eras, and compares what came message by message,
 * progress included. What 2026-07-28 requires on top is checked and taken off.
 */

/** What is asked, in order. */
export type Script = readonly (readonly [method: string, params: Record<string, unknown>])[];

/** All that came for one request. */
interface Said {
  /** `notifications/progress` of the request, without its token. */
  readonly progress: readonly unknown[];
  readonly result?: Record<string, unknown>;
  readonly error?: { readonly code: number; readonly message: string };
}

/** How a comparison differs from the usual one. */
export interface CompareOptions {
  /** Takes out of a message what differs from run to run, such as the time of day. Default: nothing. */
  readonly neutral?: (text: string) => string;
  /** How an HTTP server is asked directly. Default: Streamable HTTP. */
  readonly sse?: boolean;
}

/** A call of a script. */
export const call = (name: string, given: Record<string, unknown>): Script[number] => [
  'tools/call',
  { name, arguments: given },
];

function transport(target: ServerTarget, sse: boolean) {
  if (target.kind === 'http') {
    return sse ? new SSEClientTransport(new URL(target.url)) : new StreamableHTTPClientTransport(new URL(target.url));
  }
  const { command, args, cwd } = target;
  return new StdioClientTransport({ command, args: [...args], stderr: 'ignore', cwd: cwd ?? tmpdir() });
}

interface Message {
  readonly id?: unknown;
  readonly method?: string;
  readonly params?: Record<string, unknown>;
  readonly result?: Record<string, unknown>;
  readonly error?: { readonly code: number; readonly message: string };
}

/** Asks a server directly, on the official client's transport: the client itself drops progress that comes late. */
async function direct(target: ServerTarget, script: Script, sse: boolean): Promise<Said[]> {
  const wire = transport(target, sse);
  const waiting = new Map<unknown, { progress: unknown[]; take: (message: Message) => void }>();
  wire.onmessage = (given) => {
    const message = given as Message;
    if (message.method === 'notifications/progress') {
      const { progressToken, ...rest } = message.params ?? {};
      waiting.get(progressToken)?.progress.push(rest);
    } else if (message.method === undefined) waiting.get(message.id)?.take(message);
  };
  await wire.start();
  const ask = (id: number, method: string, params: object): Promise<Said> =>
    new Promise((resolve, reject) => {
      const progress: unknown[] = [];
      const take = ({ result, error }: Message): void => {
        if (error) resolve({ progress, error: { code: error.code, message: error.message } });
        else resolve({ progress, result: result ?? {} });
      };
      waiting.set(id, { progress, take });
      wire.send({ jsonrpc: '2.0', id, method, params: { ...params } }).catch(reject);
    });
  const version = '2025-11-25';
  await ask(-1, 'initialize', { protocolVersion: version, capabilities: {}, clientInfo: { name: 'd', version: '1' } });
  if (wire instanceof StreamableHTTPClientTransport) wire.setProtocolVersion(version);
  await wire.send({ jsonrpc: '2.0', method: 'notifications/initialized' });
  const said: Said[] = [];
  for (const [at, [method, params]] of script.entries()) {
    said.push(await ask(at, method, method === 'tools/call' ? { ...params, _meta: { progressToken: at } } : params));
  }
  await wire.close();
  return said;
}

async function through(stage: Stage, script: Script, era: 'legacy' | 'modern'): Promise<Said[]> {
  const session = era === 'legacy' ? await initialize(stage) : '';
  const said: Said[] = [];
  for (const [at, [method, given]] of script.entries()) {
    const params = method === 'tools/call' ? { ...given, _meta: { progressToken: `token ${at}` } } : given;
    const request = era === 'legacy' ? legacy(session, method, params, at) : modern(method, params, at);
    const name = given.uri ?? given.name;
    const named = era === 'modern' && name !== undefined ? { 'mcp-name': String(name) } : {};
    const answer = await send(stage, { ...request, headers: { ...request.headers, ...named } });
    const events = answer.text.split('\n').flatMap((line) => (line.startsWith('data: ') ? [line.slice(6)] : []));
    // The last event of a stream is the answer.
    const { result, error } = JSON.parse(events.pop() ?? answer.text) as Message;
    const progress = events.flatMap((event) => {
      const { method: kind, params: told } = JSON.parse(event) as Message;
      const { progressToken, ...rest } = told ?? {};
      expect([kind, progressToken]).toEqual(['notifications/progress', `token ${at}`]);
      // Said by the gateway while the call waited for the person, who is part of this play.
      return rest.message === 'Waiting for a person to allow this call' ? [] : [rest];
    });
    if (error) said.push({ progress, error: { code: error.code, message: error.message } });
    else said.push({ progress, result: era === 'modern' ? withoutModern(result ?? {}, method) : (result ?? {}) });
  }
  return said;
}

/** Takes off what 2026-07-28 requires on top, after checking that it is there. */
function withoutModern(result: Record<string, unknown>, method: string): Record<string, unknown> {
  const { resultType, ttlMs, cacheScope, ...rest } = result;
  expect(resultType).toBe('complete');
  const caches = method.endsWith('/list') || method === 'resources/read';
  expect([typeof ttlMs === 'number', cacheScope], method).toEqual([caches, caches ? 'private' : undefined]);
  return rest;
}

/**
 * Compares one server's answers. @returns how many requests were compared in each era
 * @throws where a message differs
 */
export async function compare(target: ServerTarget, script: Script, options: CompareOptions = {}): Promise<number> {
  const { neutral = (text: string) => text, sse = false } = options;
  const same = (said: Said | undefined): unknown => JSON.parse(neutral(JSON.stringify(said)));
  const stage = await openStage({ target });
  onTestFinished(() => stage.close());
  stage.record = { ...stage.record, features: ['resources', 'prompts'] };
  for (const tool of stage.policy.tools('notes')) stage.policy.setAccess('notes', tool.name, 'allow', tool.pin);
  // What a session has read makes some effects ask although they are allowed: here the person always says yes.
  const nod = async (): Promise<void> => {
    for (;;) (await stage.desk.next()).answer({ outcome: 'allowed', by: 'window' });
  };
  nod().catch((error: unknown) => stage.problems.push(String(error)));
  const expected = await direct(target, script, sse);
  for (const era of ['legacy', 'modern'] as const) {
    const actual = await through(stage, script, era);
    for (const [at, said] of actual.entries()) {
      expect({ asked: script[at], era, said: same(said) }).toEqual({
        asked: script[at],
        era,
        said: same(expected[at]),
      });
    }
  }
  expect(stage.problems).toEqual([]);
  return expected.length;
}
