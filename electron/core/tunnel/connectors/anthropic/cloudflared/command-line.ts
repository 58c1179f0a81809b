import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { writeDurably } from '../../../../state/durable-file.ts';

/** What one run of cloudflared is told. */
export interface Orders {
  /** Folder for our own configuration of it, its home and its working folder. */
  readonly folder: string;
  readonly token: string;
  /** Where it hands over what comes. */
  readonly url: string;
  readonly transport: 'http2' | 'quic';
  /** Address for its metrics, for instance `127.0.0.1:0`. */
  readonly metrics: string;
  /** Edge addresses in place of those found by DNS, one a connection. */
  readonly edges: readonly string[];
  /** CA in PEM that the edge is checked against in place of the built-in ones. */
  readonly edgeCa?: string | undefined;
}

/** What cloudflared itself waits for open streams when it is asked to end: less than its keeper does. */
const grace = '1500ms';

/** Writes the files that a run needs and makes its arguments; the token is in neither. */
export async function argumentsOf(orders: Orders): Promise<readonly string[]> {
  const { folder, edges, edgeCa } = orders;
  const config = join(folder, 'cloudflared.yml');
  const ca = join(folder, 'edge-ca.pem');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  // An empty file would be an error to cloudflared; no file, and it would take the person's own configuration.
  await writeDurably(config, 'no-autoupdate: true\n', 0o600);
  if (edgeCa !== undefined) await writeDurably(ca, edgeCa, 0o600);
  return [
    'tunnel',
    ...['--config', config, '--no-autoupdate', '--metrics', orders.metrics, '--output', 'json'],
    ...['--loglevel', 'info', '--grace-period', grace],
    ...edges.flatMap((edge) => ['--edge', edge]),
    ...(edgeCa === undefined ? [] : ['--cacert', ca]),
    'run',
    ...['--protocol', orders.transport, '--url', orders.url],
  ];
}

/** The environment of a run: the one place where the token is. @param environment this process' own */
export function environmentOf(
  orders: Orders,
  environment: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  const kept: Record<string, string> = {
    // Nothing that a cloudflared of the person's own keeps in the home folder is met.
    HOME: orders.folder,
    TUNNEL_TOKEN: orders.token,
    TUNNEL_MANAGEMENT_DIAGNOSTICS: 'false',
    TUNNEL_NO_PRECHECKS: 'true',
    NO_AUTOUPDATE: 'true',
  };
  for (const name of ['PATH', 'SYSTEMROOT', 'TEMP', 'TMP']) {
    const value = environment[name];
    if (value !== undefined) kept[name] = value;
  }
  return kept;
}
