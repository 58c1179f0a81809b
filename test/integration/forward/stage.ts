import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { expect } from 'vitest';
import { type Core, type CoreOptions, startCore } from '../../../electron/core/core.ts';
import { createConfSettingsFile } from '../../../electron/core/settings/conf-settings-file.ts';
import { systemClock } from '../../../electron/core/state/system-clock.ts';
import type { RequestOutput } from '../../../electron/shared/contract.ts';
import { createTap } from '../../byte-tap.ts';
import { createTappedFetch } from '../../demo/tapped-fetch.ts';
import { cliHere } from '../cli/cli.ts';

/** An app with a data folder of its own, asked by the command line as people do. */
export interface Stage {
  readonly folder: string;
  readonly dataDir: string;
  readonly core: Core;
  /** @throws where the command fails */
  cli<T = Record<string, unknown>>(...args: string[]): Promise<T>;
  tryCli(...args: string[]): ReturnType<typeof cliHere>;
  /** Shares the echo server. @returns its URL, and a token for it */
  share(): Promise<{ url: string; token: string }>;
  close(): Promise<void>;
}

/** Starts one. */
export async function startStage(options: Partial<CoreOptions> = {}): Promise<Stage> {
  const folder = await mkdtemp(join(tmpdir(), 'sp-forward-'));
  const dataDir = join(folder, 'data');
  const core = await startCore({
    dataDir,
    version: '0.0.0',
    clock: systemClock,
    openSettingsFile: () => createConfSettingsFile(dataDir),
    selfCommand: [process.execPath, join(import.meta.dirname, '../../../electron/cli/main.ts')],
    cliMayDecide: true,
    ...options,
  });
  const tryCli = (...args: string[]) => cliHere([...args, '--json', '--data-dir', dataDir]);
  const cli = async <T>(...args: string[]): Promise<T> => {
    const run = await tryCli(...args);
    expect(run.stderr, args.join(' ')).toBe('');
    return run.json() as T;
  };
  return {
    folder,
    dataDir,
    core,
    cli,
    tryCli,
    async share() {
      const echo = join(import.meta.dirname, '../../fixtures/mcp-servers/echo-stdio.mjs');
      await cli(
        'servers',
        'add',
        'echo',
        '--command',
        process.execPath,
        '--arg',
        echo,
        '--arg',
        'say',
        '--arg',
        'heard',
      );
      const { url } = await cli<{ url: string }>('servers', 'share', 'echo');
      await cli('tools', 'set', 'echo', 'say', 'allow');
      const { token } = await cli<{ token: string }>('agents', 'token', '--server', 'echo');
      return { url, token };
    },
    async close() {
      await core.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Puts the app behind a name. @returns how the tunnel stands, and the loopback port to point a forwarder at */
export async function openForward(
  stage: Stage,
  name: string,
  port: number,
): Promise<RequestOutput<'tunnel.status'> & { local: number }> {
  const status = await stage.cli<RequestOutput<'tunnel.status'>>(
    'tunnel',
    'use',
    'forward',
    '--name',
    name,
    '--port',
    String(port),
  );
  return { ...status, local: status.forward?.local ?? 0 };
}

/** One call of the echo server's tool by an agent that trusts `ca` alone. @returns its text */
export async function callEcho(url: string, token: string, ca: string, text: string): Promise<string> {
  const tapped = createTappedFetch(createTap(), ca);
  const client = new Client({ name: 'a', version: '1' }, { versionNegotiation: { mode: { pin: '2026-07-28' } } });
  try {
    await client.connect(
      new StreamableHTTPClientTransport(new URL(url), {
        fetch: tapped.fetch,
        requestInit: { headers: { authorization: `Bearer ${token}` } },
      }),
    );
    return JSON.stringify((await client.callTool({ name: 'say', arguments: { text } })).content);
  } finally {
    await client.close();
    await tapped.close();
  }
}
