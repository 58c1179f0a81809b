import { get } from 'node:http';
import * as z from 'zod';

const readySchema = z.looseObject({ readyConnections: z.number().int().nonnegative() });

/** Where a cloudflared serves its metrics: a port on loopback, or a socket that leads there. */
export type MetricsAddress = { readonly port: number } | { readonly socketPath: string };

/** How many connections a running cloudflared has, by its `/ready`; `undefined` where it does not answer. */
export async function readReady(at: MetricsAddress): Promise<number | undefined> {
  const parsed = readySchema.safeParse(await readJson(at, '/ready'));
  return parsed.success ? parsed.data.readyConnections : undefined;
}

/** Its effective configuration by `/config`; `undefined` where it does not answer. */
export function readConfig(at: MetricsAddress): Promise<unknown> {
  return readJson(at, '/config');
}

const maxBytes = 262_144;

function readJson(at: MetricsAddress, path: string): Promise<unknown> {
  return new Promise((resolve) => {
    const outgoing = get(
      {
        host: '127.0.0.1',
        ...('port' in at ? { port: at.port } : { socketPath: at.socketPath }),
        path,
        agent: false,
        timeout: 2_000,
      },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          text += chunk;
          if (text.length > maxBytes) response.destroy();
        });
        response.on('error', () => resolve(undefined));
        response.on('close', () => resolve(undefined));
        response.on('end', () => {
          try {
            resolve(JSON.parse(text));
          } catch {
            resolve(undefined);
          }
        });
      },
    );
    outgoing.on('timeout', () => outgoing.destroy());
    outgoing.on('error', () => resolve(undefined));
  });
}
