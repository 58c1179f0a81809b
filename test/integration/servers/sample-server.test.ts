import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Servers } from '../../../electron/core/servers/servers.ts';
import { listTools } from '../../../electron/core/servers/sharing.ts';
import type { UpstreamSession } from '../../../electron/core/servers/upstream-session.ts';
import { memberAt, serializeJson, toPlain } from '../../../electron/shared/json-tree.ts';
import { callTool, scriptRecord, station, textOf } from './station.ts';

const entry = fileURLToPath(new URL('../../../electron/sample-server.ts', import.meta.url));
let folder: string;
let servers: Servers;
let session: UpstreamSession;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sallyport-test-'));
  servers = station();
  session = await servers.connect(scriptRecord(entry, [join(folder, 'notes')]), 'a');
});
afterAll(async () => {
  await servers.stopAll(500);
  await rm(folder, { recursive: true, force: true });
});

describe('the sample server', () => {
  it('offers two tools that read, one that writes and one that is dangerous, and says so', async () => {
    const tools = (await listTools(session, 10_000)).map(toPlain) as {
      name: string;
      title: string;
      description: string;
      annotations: Record<string, boolean>;
      inputSchema: { type: string };
    }[];
    expect(tools.map((tool) => [tool.name, tool.annotations.readOnlyHint, tool.annotations.openWorldHint])).toEqual([
      ['list_notes', true, false],
      ['read_note', true, false],
      ['write_note', false, false],
      ['run_shell', false, true],
    ]);
    for (const tool of tools) {
      expect(tool.title.length).toBeGreaterThan(3);
      expect(tool.description.length).toBeGreaterThan(15);
      expect(tool.inputSchema.type).toBe('object');
    }
  });

  it('keeps notes in its folder', async () => {
    expect(textOf(await callTool(session, 'list_notes'))).toBe('The notebook is empty.');
    expect(textOf(await callTool(session, 'write_note', { name: 'Shopping list', text: 'Brot\nÄpfel' }))).toBe(
      'The note "Shopping list" was made: 11 bytes.',
    );
    expect(textOf(await callTool(session, 'write_note', { name: 'Shopping list', text: 'Käse' }))).toContain(
      'replaced',
    );
    expect(textOf(await callTool(session, 'read_note', { name: 'Shopping list' }))).toBe('Käse');
    const listed = await callTool(session, 'list_notes');
    const notes = 'result' in listed ? memberAt(listed.result, 'structuredContent', 'notes') : null;
    expect(serializeJson(notes ?? null)).toContain('"name":"Shopping list","bytes":5');
    expect(await readdir(join(folder, 'notes'))).toEqual(['Shopping list.md']);
    expect(await readFile(join(folder, 'notes', 'Shopping list.md'), 'utf8')).toBe('Käse');
  });

  it.each(['../outside', 'a/b', '.hidden', '', 'x'.repeat(65), 'a\0b'])('refuses the note name %j', async (name) => {
    const answer = await callTool(session, 'write_note', { name, text: 'x' });
    expect('result' in answer && memberAt(answer.result, 'isError')).toBe(true);
    expect(await readdir(join(folder, 'notes'))).toEqual(['Shopping list.md']);
    expect(await readdir(folder)).toEqual(['notes']);
  });

  it('says what is wrong as a result that a model can read', async () => {
    const answer = await callTool(session, 'read_note', { name: 'nothing' });
    expect('result' in answer && memberAt(answer.result, 'isError')).toBe(true);
    expect(textOf(answer)).toBe('There is no note named "nothing".');
  });

  it('really runs a command', async () => {
    expect(textOf(await callTool(session, 'run_shell', { command: 'echo one && pwd' }))).toContain(
      join(folder, 'notes'),
    );
    const failed = await callTool(session, 'run_shell', { command: 'echo bad >&2; exit 3' });
    expect('result' in failed && memberAt(failed.result, 'isError')).toBe(true);
    expect(textOf(failed)).toContain('bad');
  });
});
