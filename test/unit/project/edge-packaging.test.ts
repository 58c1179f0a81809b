import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { registerEdgeCommands } from '../../../electron/cli/edge-commands.ts';

const page = await readFile(join(import.meta.dirname, '../../../docs/edge.md'), 'utf8');
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sallyport-packaging-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** The text of the first code block of a kind. */
function block(kind: string): string {
  return new RegExp(`\`\`\`${kind}\\n([\\s\\S]*?)\`\`\``).exec(page)?.[1] ?? '';
}

/** Runs the edge commands as they stand on the page. */
async function edge(words: readonly string[]): Promise<Record<string, unknown>> {
  let out = '';
  const program = new Command()
    .option('--json')
    .exitOverride()
    .configureOutput({ writeErr: () => undefined });
  const io = {
    stdout: (text: string): void => {
      out += text;
    },
    stderr: () => undefined,
    json: () => true,
  };
  registerEdgeCommands(program, io);
  await program.parseAsync([...words], { from: 'user' });
  return JSON.parse(out);
}
const init = (name: string): Promise<unknown> => edge(['edge', 'init', folder, '--name', name, '--port', '8443']);

test('the systemd unit starts the edge by a command line that the program takes, in the folder that it is given', async () => {
  const unit = Object.fromEntries(
    [...block('ini').matchAll(/^([A-Za-z]+)=(.*)$/gm)].map(([, key = '', value = '']) => [key, value]),
  );
  const [program, ...words] = (unit.ExecStart ?? '').split(' ');
  expect(program).toBe('/usr/local/bin/sallyport');
  const config = words.at(-1) ?? '';
  // The one folder that the service may write to.
  expect(config).toBe(`/var/lib/${unit.StateDirectory}/edge.yaml`);
  await init('edge.example');
  const line = [...words.slice(0, -1), join(folder, 'edge.yaml')];
  expect(await edge([...line, '--print-config'])).toMatchObject({ config: { name: 'edge.example', port: 8_443 } });
  // It could fail: an option that is not there is an error.
  await expect(edge([...line, '--print-configuration'])).rejects.toThrow('unknown option');
  expect(unit.ExecReload).toContain('-HUP');
  // Longer than the ten seconds in which the edge drains, and no cut into what Node needs.
  expect(Number(unit.TimeoutStopSec)).toBeGreaterThan(10);
  expect(unit).not.toHaveProperty('MemoryDenyWriteExecute');
});

test('the container file starts the edge by commands that the program takes, and asks the port that it answers at', async () => {
  const file = block('dockerfile');
  const list = (name: string): string[] => JSON.parse(new RegExp(`^${name} (\\[.*\\])$`, 'm').exec(file)?.[1] ?? '[]');
  const [program, ...words] = [...list('ENTRYPOINT'), ...list('CMD')];
  expect(program).toBe('sallyport');
  expect(words.at(-1)).toBe('/edge/edge.yaml');
  expect(file).toMatch(/^VOLUME \/edge$/m);
  await init('edge.example');
  const { config } = await edge([...words.slice(0, -1), join(folder, 'edge.yaml'), '--print-config']);
  expect(config).toMatchObject({ port: Number(/^EXPOSE (\d+)$/m.exec(file)?.[1]) });
  expect(file).toContain(`http://127.0.0.1:${(config as { operations: number }).operations}/readyz`);
});
