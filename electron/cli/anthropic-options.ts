import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { RequestInput } from '../shared/contract.ts';
import { SallyportError } from '../shared/errors.ts';
import { type ApiOptions, apiChoiceOf } from './anthropic-api-options.ts';
import { usageError } from './failures.ts';
import type { CliIo } from './io.ts';
import { promptSecret, readSource } from './secret-input.ts';

/** Options of `tunnel use`. */
export interface UseOptions extends ApiOptions {
  readonly joinFile?: string;
  readonly name?: string;
  readonly port?: string;
  readonly domain?: string;
  readonly tokenFile?: string;
  readonly mode?: 'cloudflared' | 'listener' | 'native';
  readonly listen?: string;
  readonly cloudflared?: string;
  readonly edge?: string[];
  readonly edgeCa?: string;
  readonly protocol?: 'http2' | 'quic' | 'auto';
}

/**
 * What `tunnel use anthropic` was given. The token comes from a file, standard input or a prompt; where none of them is
 * there, the one that is stored serves.
 * @throws SallyportError `usage`, `file_unreadable`
 */
export async function anthropicChoiceOf(
  io: CliIo,
  options: UseOptions,
): Promise<NonNullable<RequestInput<'tunnel.use'>['anthropic']>> {
  if (options.joinFile !== undefined) throw usageError('--join-file belongs to the way "edge".');
  const { domain, mode, edge } = options;
  const listen = options.listen === undefined ? undefined : Number(options.listen);
  if (listen !== undefined && !(Number.isInteger(listen) && listen >= 1 && listen <= 65_535)) {
    throw usageError('--listen takes a port from 1 to 65535.');
  }
  const api = await apiChoiceOf(io, options);
  if (api && (domain !== undefined || options.tokenFile !== undefined)) {
    throw usageError('With --api, domain and token come from Anthropic.', 'Attach a certain tunnel with --tunnel ID.');
  }
  const token = api ? undefined : (await tokenOf(io, options))?.trim();
  return {
    ...(domain === undefined ? {} : { domain }),
    ...(mode === undefined ? {} : { mode }),
    ...(token === undefined || token === '' ? {} : { token }),
    ...(listen === undefined ? {} : { listen }),
    // The app has another working directory.
    ...(options.cloudflared === undefined ? {} : { cloudflared: resolve(options.cloudflared) }),
    ...(edge === undefined ? {} : { edges: edge }),
    ...(api ? { api } : {}),
    ...(options.protocol === undefined ? {} : { protocol: options.protocol }),
    ...(options.edgeCa === undefined ? {} : { edgeCa: readText(options.edgeCa) }),
  };
}

async function tokenOf(io: CliIo, options: UseOptions): Promise<string | undefined> {
  if (options.tokenFile !== undefined) return await readSource(io, options.tokenFile);
  // Only where a tunnel is named anew: another mode of the same tunnel has its token.
  if (options.mode === 'listener' || options.domain === undefined || !io.stdin.isTTY) return undefined;
  return await promptSecret(io, 'Token of the tunnel (empty: as stored)', '--token-file FILE, - for standard input');
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new SallyportError('file_unreadable', 'app', `${file} cannot be read.`, { cause: error });
  }
}
