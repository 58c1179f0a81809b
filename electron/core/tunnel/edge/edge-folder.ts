import { access, mkdir, readFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import * as z from 'zod';
import type { Clock } from '../../../shared/clock.ts';
import { SallyportError } from '../../../shared/errors.ts';
import { writeDurably } from '../../state/durable-file.ts';
import { createAuthority } from '../pki/authority.ts';
import { isDnsName } from '../pki/certificate-names.ts';
import { type EdgeAuthorities, firstAuthority, readEdgeAuthorities } from './edge-authorities.ts';
import { type EdgeConfig, initialEdgeConfig, parseEdgeConfig } from './edge-config.ts';
import { type EdgeStore, openEdgeStore } from './edge-store.ts';

/** Name of the configuration in an edge's folder. */
export const edgeConfigName = 'edge.yaml';

const runningName = 'running.json';
const runningSchema = z.object({ port: z.number().int(), pid: z.number().int() });

/** An edge's folder, opened. */
export interface EdgeFolder {
  /** Absolute path. */
  readonly directory: string;
  readonly config: EdgeConfig;
  readonly authorities: EdgeAuthorities;
  readonly store: EdgeStore;
  /** Chain and key of a public CA, where the configuration names them. */
  readonly publicCertificate?: { readonly certificate: string; readonly key: string };
  /** Remembers the port of the edge that runs, for invites when the configuration says 0. */
  setRunning(port: number): Promise<void>;
  /** Host and port that join lines say. @throws SallyportError `edge_not_running` where only a running edge knows its port */
  publicAddress(): Promise<{ host: string; port: number }>;
}

/**
 * Makes an edge's folder: configuration, CA (key 0600) and an empty store, folder 0700.
 * @returns the absolute path of the configuration
 * @throws SallyportError `edge_exists`, `bad_edge_name`
 */
export async function initEdgeFolder(
  directory: string,
  options: {
    readonly name: string;
    readonly port: number;
    readonly hosts: readonly string[];
    readonly operations: number | 'off';
  },
  clock: Clock,
): Promise<string> {
  const folder = resolve(directory);
  const path = join(folder, edgeConfigName);
  const name = options.name.toLowerCase();
  if (!isDnsName(name)) {
    throw new SallyportError('bad_edge_name', 'edge', `${JSON.stringify(options.name)} is no DNS name.`, {
      hint: 'Give the name under which agents reach this machine, for instance edge.example.com.',
    });
  }
  if (await exists(path)) {
    throw new SallyportError('edge_exists', 'edge', `There is an edge in ${folder} already.`, {
      hint: 'Choose another folder; nothing was changed.',
    });
  }
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const { authority, keyPem } = await createAuthority({ commonName: `Sallyport edge ${name}`, now: clock.now() });
  await writeDurably(join(folder, firstAuthority.key), keyPem);
  await writeDurably(join(folder, firstAuthority.certificate), authority.pem);
  await openEdgeStore(join(folder, 'state'));
  // Last, because its presence says that the folder is whole.
  await writeDurably(path, initialEdgeConfig({ ...options, name }));
  return path;
}

/**
 * Opens the folder that `configPath` is in.
 * @throws SallyportError `edge_config_missing`, `edge_config_invalid`, and those of the CA and the store
 */
export async function openEdgeFolder(configPath: string): Promise<EdgeFolder> {
  const path = resolve(configPath);
  const directory = dirname(path);
  const config = parseEdgeConfig(await read(path, 'edge_config_missing'), basename(path));
  const authorities = await readEdgeAuthorities(directory);
  const state = resolve(directory, config.state);
  const store = await openEdgeStore(state);
  return {
    directory,
    config,
    authorities,
    store,
    ...(config.https
      ? {
          publicCertificate: {
            certificate: await read(resolve(directory, config.https.certificate), 'edge_key_missing'),
            key: await read(resolve(directory, config.https.key), 'edge_key_missing'),
          },
        }
      : {}),
    setRunning: (port) => writeDurably(join(state, runningName), JSON.stringify({ port, pid: process.pid })),
    async publicAddress() {
      const host = config.public.host ?? config.name;
      const port = config.public.port ?? (config.port || (await runningPort(state)));
      return { host, port };
    },
  };
}

async function runningPort(state: string): Promise<number> {
  try {
    return runningSchema.parse(JSON.parse(await readFile(join(state, runningName), 'utf8'))).port;
  } catch (error) {
    throw new SallyportError('edge_not_running', 'edge', 'The edge takes any free port, and none runs to say which.', {
      hint: 'Start it with "sallyport edge run", or set a port in the configuration.',
      cause: error,
    });
  }
}

async function read(path: string, code: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new SallyportError(code, 'edge', `${path} cannot be read (${(error as NodeJS.ErrnoException).code}).`, {
      hint: 'Name the configuration with --config; "sallyport edge init DIR" makes a new edge.',
      cause: error,
    });
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
