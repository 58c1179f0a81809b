import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { ResultSchema } from '@modelcontextprotocol/sdk/types.js';
import { expect, onTestFinished, test } from 'vitest';
import type { ServerTarget } from '../../../electron/core/servers/servers.ts';
import { installed } from '../servers/station.ts';
import { initialize, legacy, modern, openStage, type Stage, send } from './stage.ts';

/** What is asked, in order. */
type Script = readonly (readonly [method: string, params: Record<string, unknown>])[];

interface Said {
  readonly result?: Record<string, unknown>;
  readonly error?: { readonly code: number; readonly message: string };
}

const call = (name: string, given: Record<string, unknown>): Script[number] => [
  'tools/call',
  { name, arguments: given },
];

/** Asks a server directly, over its own stdin and stdout, with the official client. */
async function direct(target: Extract<ServerTarget, { kind: 'stdio' }>, script: Script): Promise<Said[]> {
  const client = new Client({ name: 'direct', version: '1' });
  await client.connect(
    new StdioClientTransport({
      command: target.command,
      args: [...target.args],
      stderr: 'ignore',
      cwd: target.cwd ?? tmpdir(),
    }),
  );
  const said: Said[] = [];
  for (const [method, params] of script) {
    // The client's own union of requests is closed; here any method is asked.
    const request = { method, params } as unknown as Parameters<Client['request']>[0];
    try {
      said.push({ result: await client.request(request, ResultSchema) });
    } catch (thrown) {
      // The client puts these words in front of the server's own.
      const { code, message } = thrown as { code: number; message: string };
      said.push({ error: { code, message: message.replace(/^MCP error -?[0-9]+: /, '') } });
    }
  }
  await client.close();
  return said;
}

async function through(stage: Stage, script: Script, era: 'legacy' | 'modern'): Promise<Said[]> {
  const session = era === 'legacy' ? await initialize(stage) : '';
  const said: Said[] = [];
  for (const [at, [method, params]] of script.entries()) {
    const request = era === 'legacy' ? legacy(session, method, params, at) : modern(method, params, at);
    const name = params.uri ?? params.name;
    const named = era === 'modern' && name !== undefined ? { 'mcp-name': String(name) } : {};
    const answer = await send(stage, { ...request, headers: { ...request.headers, ...named } });
    // The last event of a stream is the answer.
    const events = [...answer.text.matchAll(/^data: (.*)$/gm)];
    const text = events.at(-1)?.[1] ?? answer.text;
    const { result, error } = JSON.parse(text) as Said;
    if (error) said.push({ error: { code: error.code, message: error.message } });
    else said.push({ result: era === 'modern' ? withoutModern(result ?? {}, method) : (result ?? {}) });
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

/** Leaves the time of day out, which some servers put into their texts. */
function timeless(said: Said | undefined): unknown {
  return JSON.parse(JSON.stringify(said).replace(/[0-9]{1,2}:[0-9]{2}:[0-9]{2} [AP]M/g, 'TIME'));
}

async function compare(target: Extract<ServerTarget, { kind: 'stdio' }>, script: Script): Promise<number> {
  const stage = await openStage({ target });
  onTestFinished(() => stage.close());
  stage.record = { ...stage.record, features: ['resources', 'prompts'] };
  for (const tool of stage.policy.tools('notes')) stage.policy.setAccess('notes', tool.name, 'allow', tool.pin);
  // What a session has read makes some effects ask although they are allowed: here the person always says yes.
  const nod = async (): Promise<void> => {
    for (;;) (await stage.desk.next()).answer({ outcome: 'allowed', by: 'window' });
  };
  nod().catch((error: unknown) => stage.problems.push(String(error)));
  const expected = await direct(target, script);
  for (const era of ['legacy', 'modern'] as const) {
    const actual = await through(stage, script, era);
    for (const [at, said] of actual.entries()) {
      expect({ asked: script[at], era, said: timeless(said) }).toEqual({
        asked: script[at],
        era,
        said: timeless(expected[at]),
      });
    }
  }
  expect(stage.problems).toEqual([]);
  return expected.length;
}

const node = (path: string, ...args: string[]) =>
  ({
    kind: 'stdio',
    command: process.execPath,
    args: [installed(`@modelcontextprotocol/${path}/dist/index.js`), ...args],
    env: [],
  }) as const;

test('server-everything says the same direct and through, in both eras', { timeout: 60_000 }, async () => {
  const script: Script = [
    ['tools/list', {}],
    call('echo', { message: 'ünï \u0000 "x"' }),
    call('get-sum', { a: 1.5, b: -2 }),
    call('get-tiny-image', {}),
    call('get-annotated-message', { messageType: 'error', includeImage: true }),
    call('get-resource-reference', { resourceType: 'Text', resourceId: 1 }),
    call('get-structured-content', { location: 'Chicago' }),
    call('echo', { wrong: true }),
    ['prompts/list', {}],
    ['prompts/get', { name: 'simple-prompt' }],
    ['prompts/get', { name: 'args-prompt', arguments: { city: 'Ulm' } }],
    ['prompts/get', { name: 'no-such-prompt' }],
    ['resources/list', {}],
    ['resources/templates/list', {}],
    ['resources/read', { uri: 'demo://resource/static/document/architecture.md' }],
    ['resources/read', { uri: 'demo://no/such' }],
    [
      'completion/complete',
      { ref: { type: 'ref/prompt', name: 'completable-prompt' }, argument: { name: 'department', value: 'E' } },
    ],
  ];
  expect(await compare(node('server-everything', 'stdio'), script)).toBe(script.length);
});

test('server-filesystem says the same direct and through, in both eras', { timeout: 60_000 }, async () => {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'files-')));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, 'a.md'), 'one\ntwo\nthree\n');
  writeFileSync(join(folder, 'b.bin'), Buffer.from([0, 255, 1, 254]));
  const script: Script = [
    ['tools/list', {}],
    call('list_allowed_directories', {}),
    call('read_text_file', { path: join(folder, 'a.md'), head: 2 }),
    call('read_media_file', { path: join(folder, 'b.bin') }),
    call('write_file', { path: join(folder, 'c.txt'), content: 'ünï' }),
    call('edit_file', { path: join(folder, 'a.md'), edits: [{ oldText: 'one', newText: '1' }], dryRun: true }),
    call('list_directory', { path: folder }),
    call('read_text_file', { path: '/nowhere/at/all' }),
    call('read_text_file', {}),
  ];
  expect(await compare(node('server-filesystem', folder), script)).toBe(script.length);
});

test('server-memory says the same direct and through, in both eras', { timeout: 60_000 }, async () => {
  const entity = { name: 'Ana', entityType: 'person', observations: ['likes ünï'] };
  const script: Script = [
    ['tools/list', {}],
    call('delete_entities', { entityNames: ['Ana', 'Bo'] }),
    call('create_entities', { entities: [entity, { ...entity, name: 'Bo' }] }),
    call('create_relations', { relations: [{ from: 'Ana', to: 'Bo', relationType: 'knows' }] }),
    call('search_nodes', { query: 'Ana' }),
    call('open_nodes', { names: ['Bo'] }),
    call('add_observations', { observations: [{ entityName: 'Nobody', contents: ['x'] }] }),
    call('delete_entities', { entityNames: ['Ana', 'Bo'] }),
    call('read_graph', {}),
  ];
  const folder = mkdtempSync(join(tmpdir(), 'memory-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const { command, args } = node('server-memory');
  const target = {
    kind: 'stdio',
    command: 'env',
    args: [`MEMORY_FILE_PATH=${join(folder, 'memory.jsonl')}`, command, ...args],
    env: [],
  } as const;
  expect(await compare(target, script)).toBe(script.length);
});
