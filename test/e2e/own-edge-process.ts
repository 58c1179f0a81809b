import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { cliPath, runCli } from '../app-process.ts';
import { freePort } from '../fixtures/free-port.ts';

/** An edge of one's own as a process that comes and goes, always on the same port. */
export interface OwnEdge {
  /** The line with which an app joins it. */
  readonly join: string;
  run(): Promise<void>;
  stop(): Promise<void>;
  dispose(): Promise<void>;
}

/** Makes one by the command line and starts it. */
export async function startOwnEdge(): Promise<OwnEdge> {
  const base = await mkdtemp(join(tmpdir(), 'sallyport-edge-'));
  const folder = join(base, 'edge');
  const config = join(folder, 'edge.yaml');
  const port = String(await freePort());
  const made = await runCli([
    ...['edge', 'init', folder, '--host', '127.0.0.1', '--port', port, '--operations', 'off', '--json'],
  ]);
  made.json();
  const yaml = await readFile(config, 'utf8');
  await writeFile(config, yaml.replace('allow: []', 'allow: [127.0.0.1]'));
  const invited = await runCli(['edge', 'invite', '--config', config, '--name', 'laptop', '--json']);
  let child: ChildProcess | undefined;
  const run = async (): Promise<void> => {
    child = spawn(process.execPath, [cliPath, 'edge', 'run', '--config', config, '--json'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    if (!child.stdout) throw new Error('no stdout');
    await once(createInterface({ input: child.stdout }), 'line');
  };
  const stop = async (): Promise<void> => {
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const closed = once(child, 'close');
    child.kill('SIGTERM');
    await closed;
  };
  await run();
  return {
    // Names under .localhost are not looked up everywhere; the edge answers to its address as well.
    join: invited.json<{ join: string }>().join.replace('sallyport-join:edge.localhost:', 'sallyport-join:127.0.0.1:'),
    run,
    stop,
    async dispose() {
      await stop();
      await rm(base, { recursive: true, force: true });
    },
  };
}
