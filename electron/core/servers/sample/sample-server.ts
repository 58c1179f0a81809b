import { execFile } from 'node:child_process';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import type { CallToolResult } from '@modelcontextprotocol/sdk/types.js';
import * as z from 'zod';
import { type Notebook, openNotebook } from './notebook.ts';

const shellSeconds = 20;
const maxShellOutput = 100_000;

/** The sample server's tools over a notebook, not yet connected: two that read, one that writes, one that is dangerous. */
export function createSampleServer(notebook: Notebook, folder: string): McpServer {
  const server = new McpServer(
    { name: 'sallyport-sample', title: 'Sample notebook', version: '1.0.0' },
    { instructions: 'A small notebook to try things with: list, read and write short notes.' },
  );
  server.registerTool(
    'list_notes',
    {
      title: 'List notes',
      description: 'Lists the notes in the notebook with their size and when they were changed.',
      outputSchema: {
        notes: z.array(z.object({ name: z.string(), bytes: z.number().int(), changedAt: z.string() })),
      },
      annotations: { readOnlyHint: true, openWorldHint: false },
    },
    async () => {
      const notes = await notebook.list();
      const lines = notes.map((note) => `${note.name} (${note.bytes} bytes, changed ${note.changedAt})`);
      return { ...text(lines.join('\n') || 'The notebook is empty.'), structuredContent: { notes } };
    },
  );
  server.registerTool(
    'read_note',
    {
      title: 'Read a note',
      description: 'Reads one note as text.',
      inputSchema: { name: z.string().min(1).max(64).describe('Name of the note, as list_notes shows it.') },
      annotations: { readOnlyHint: true, openWorldHint: false },
    },
    async ({ name }) => await attempt(async () => text(await notebook.read(name))),
  );
  server.registerTool(
    'write_note',
    {
      title: 'Write a note',
      description: 'Writes one note. A note of that name is replaced, and its old text is gone.',
      inputSchema: {
        name: z.string().min(1).max(64).describe('Name of the note: letters, digits, spaces, "_" and "-".'),
        text: z.string().max(100_000).describe('The whole new text of the note.'),
      },
      annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: true, openWorldHint: false },
    },
    async ({ name, text: body }) =>
      await attempt(async () => {
        const done = await notebook.write(name, body);
        return text(`The note "${name}" was ${done}: ${Buffer.byteLength(body)} bytes.`);
      }),
  );
  server.registerTool(
    'run_shell',
    {
      title: 'Run a shell command',
      description: `Runs any shell command on this machine, in the notebook's folder, and returns what it printed (at most ${shellSeconds} s). It can do whatever the person who started this server can do.`,
      inputSchema: { command: z.string().min(1).max(10_000).describe('The command line, run by the system shell.') },
      annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: false, openWorldHint: true },
    },
    async ({ command }) => await runShell(command, folder),
  );
  return server;
}

/**
 * Runs the sample server on this process's stdin and stdout until stdin ends.
 * @param args at most one: the notebook's folder. Without it a new folder under the temporary one
 */
export async function runSampleServer(args: readonly string[]): Promise<void> {
  const given = args[0];
  const folder = given === undefined ? await mkdtemp(join(tmpdir(), 'sallyport-notebook-')) : resolve(given);
  const notebook = await openNotebook(folder);
  const server = createSampleServer(notebook, folder);
  process.stdin.once('end', () => {
    void server.close().finally(() => process.exit(0));
  });
  process.stderr.write(`The notebook is in ${folder}\n`);
  await server.connect(new StdioServerTransport());
}

function runShell(command: string, folder: string): Promise<CallToolResult> {
  const [shell, flags] =
    process.platform === 'win32' ? (['cmd.exe', ['/d', '/s', '/c']] as const) : (['/bin/sh', ['-c']] as const);
  const limits = { cwd: folder, timeout: shellSeconds * 1_000, maxBuffer: maxShellOutput };
  return new Promise((done) => {
    execFile(shell, [...flags, command], limits, (error, stdout, stderr) => {
      const printed = [stdout, stderr].filter((part) => part !== '').join('\n');
      const status = error
        ? `\nIt failed: ${error.killed ? 'stopped, too slow or too much output' : error.message}`
        : '';
      done({ ...text(`${printed}${status}`.trim() || 'It printed nothing.'), ...(error ? { isError: true } : {}) });
    });
  });
}

function text(value: string): CallToolResult {
  return { content: [{ type: 'text', text: value }] };
}

async function attempt(run: () => Promise<CallToolResult>): Promise<CallToolResult> {
  try {
    return await run();
  } catch (error) {
    return { ...text(error instanceof Error ? error.message : String(error)), isError: true };
  }
}
