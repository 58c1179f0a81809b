import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createPolicy } from '../../../electron/core/policy/create-policy.ts';
import { createPinFiles } from '../../../electron/core/policy/pin-store.ts';
import { classifyTool } from '../../../electron/core/policy/tool-class.ts';
import { fromPlain, JsonObject } from '../../../electron/shared/json-tree.ts';
import { createManualClock } from '../../manual-clock.ts';

const require = createRequire(import.meta.url);
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sallyport-servers-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Definitions as the installed server lists them now. */
async function definitionsOf(server: string, args: readonly string[] = []): Promise<readonly JsonObject[]> {
  const manifest = require.resolve(`@modelcontextprotocol/server-${server}/package.json`);
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [join(dirname(manifest), 'dist/index.js'), ...args],
    cwd: folder,
    stderr: 'ignore',
  });
  const client = new Client({ name: 'policy-test', version: '1' });
  await client.connect(transport);
  try {
    const { tools } = await client.listTools();
    return tools.map((tool) => fromPlain(tool)).filter((node) => node instanceof JsonObject);
  } finally {
    await client.close();
  }
}

const expected: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  filesystem: {
    read_file: 'read',
    read_text_file: 'read',
    read_media_file: 'read',
    read_multiple_files: 'read',
    list_directory: 'read',
    list_directory_with_sizes: 'read',
    list_allowed_directories: 'read',
    directory_tree: 'read',
    search_files: 'read',
    get_file_info: 'read',
    write_file: 'effect',
    edit_file: 'effect',
    create_directory: 'effect',
    move_file: 'effect',
  },
  memory: {
    read_graph: 'read',
    search_nodes: 'read',
    open_nodes: 'read',
    create_entities: 'effect',
    create_relations: 'effect',
    add_observations: 'effect',
    delete_entities: 'effect',
    delete_observations: 'effect',
    delete_relations: 'effect',
  },
  everything: {
    echo: 'read',
    'get-annotated-message': 'read',
    'get-env': 'read',
    'get-resource-links': 'read',
    'get-resource-reference': 'read',
    'get-structured-content': 'read',
    'get-sum': 'read',
    'get-tiny-image': 'read',
    'gzip-file-as-resource': 'dangerous',
    'toggle-simulated-logging': 'effect',
    'toggle-subscriber-updates': 'effect',
    'trigger-long-running-operation': 'effect',
    'simulate-research-query': 'effect',
  },
};

describe.each(Object.entries(expected))('the definitions of server-%s', (server, classes) => {
  it('get their classes with and without the annotations, and keep their pins from start to start', async () => {
    const args = server === 'filesystem' ? [folder] : [];
    const definitions = await definitionsOf(server, args);
    const found = (list: readonly JsonObject[]) =>
      Object.fromEntries(list.map((definition) => [definition.get('name'), classifyTool(definition).class]));
    expect(found(definitions)).toEqual(classes);
    // What a server says of itself only raises: its simulated research reads by its words, and is an effect by its own account.
    expect(found(definitions.map((definition) => definition.with('annotations', undefined)))).toEqual({
      ...classes,
      ...(server === 'everything' ? { 'simulate-research-query': 'read' } : {}),
    });

    const store = createPinFiles({ dataFolder: join(folder, 'data'), clock: createManualClock() });
    const policy = createPolicy({ store, dataFolder: join(folder, 'data'), home: folder });
    policy.approveAll(server, definitions);
    const again = await definitionsOf(server, args);
    policy.observe(server, again);
    expect(policy.tools(server).map(({ state }) => state)).toEqual(definitions.map(() => 'approved'));
    for (const definition of again) {
      const dangerous = classes[String(definition.get('name'))] === 'dangerous';
      expect(policy.exposes(server, definition)).toBe(!dangerous);
    }
  });
});
