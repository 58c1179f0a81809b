import { get } from 'node:http';
import * as z from 'zod';

const readySchema = z.looseObject({ readyConnections: z.number().int().nonnegative() });

/** How many connections a running cloudflared has, by its `/ready`; `undefined` where it does not answer. */
export async function readReady(port: number): Promise<number | undefined> {
  const parsed = readySchema.safeParse(await readJson(port, '/ready'));
  return parsed.success ? parsed.data.readyConnections : undefined;
}

/** Its effective configuration by `/config`; `undefined` where it does not answer. */
export function readConfig(port: number): Promise<unknown> {
  return readJson(port, '/config');
}

const maxBytes = 262_144;

function readJson(port: number, path: string): Promise<unknown> {
  return new Promise((resolve) => {
    const outgoing = get({ host: '127.0.0.1', port, path, agent: false, timeout: 2_000 }, (response) => {
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
    });
    outgoing.on('timeout', () => outgoing.destroy());
    outgoing.on('error', () => resolve(undefined));
  });
}
