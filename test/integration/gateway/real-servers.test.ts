import { spawn } from 'node:child_process';
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { call, compare, type Script } from '../../differ/differ.ts';
import { freePort } from '../../fixtures/free-port.ts';
import { installed } from '../servers/station.ts';

const node = (path: string, ...args: string[]) =>
  ({
    kind: 'stdio',
    command: process.execPath,
    args: [installed(`@modelcontextprotocol/${path}/dist/index.js`), ...args],
    env: [],
  }) as const;

const everything: Script = [
  ['tools/list', {}],
  call('echo', { message: 'ünï \u0000 "x"' }),
  call('get-sum', { a: 1.5, b: -2 }),
  call('get-tiny-image', {}),
  call('get-annotated-message', { messageType: 'error', includeImage: true }),
  call('get-resource-reference', { resourceType: 'Text', resourceId: 1 }),
  call('get-structured-content', { location: 'Chicago' }),
  call('echo', { wrong: true }),
  call('trigger-long-running-operation', { duration: 0.2, steps: 4 }),
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
/** Leaves the time of day out, which it puts into its texts. */
const timeless = {
  neutral: (text: string) => text.replace(/[0-9]{1,2}:[0-9]{2}:[0-9]{2} [AP]M/g, 'TIME'),
};

test('server-everything says the same direct and through, in both eras', { timeout: 60_000 }, async () => {
  expect(await compare(node('server-everything', 'stdio'), everything, timeless)).toBe(everything.length);
});

/** Starts server-everything over HTTP and waits for the line with which it says that it listens. */
async function everythingOver(mode: 'streamableHttp' | 'sse', path: string): Promise<string> {
  const port = await freePort();
  const { command, args } = node('server-everything', mode);
  const child = spawn(command, args, {
    env: { ...process.env, PORT: String(port) },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  await new Promise<void>((resolve, reject) => {
    child.once('exit', () => reject(new Error('it ended')));
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (text: Buffer) => {
        if (text.includes(String(port))) resolve();
      });
    }
  });
  return `http://127.0.0.1:${port}${path}`;
}

test('server-everything over Streamable HTTP says the same direct and through', { timeout: 60_000 }, async () => {
  const url = await everythingOver('streamableHttp', '/mcp');
  expect(await compare({ kind: 'http', url }, everything, timeless)).toBe(everything.length);
});

test('server-everything over HTTP+SSE of 2024-11-05 says the same direct and through', {
  timeout: 60_000,
}, async () => {
  const url = await everythingOver('sse', '/sse');
  expect(await compare({ kind: 'http', url }, everything, { ...timeless, sse: true })).toBe(everything.length);
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
