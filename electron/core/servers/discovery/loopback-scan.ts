import { request } from 'node:http';
import * as z from 'zod';
import { serializeJson } from '../../../shared/json-tree.ts';
import { visibleText } from '../../../shared/visible-text.ts';
import { type ClientIdentity, modernVersion, withEnvelope } from '../era.ts';
import { requestMessage } from '../json-rpc.ts';
import { type Discovered, targetDigest } from './discovery.ts';
import type { OwnPort } from './own-ports.ts';

/** What {@link scanLoopback} needs. */
export interface ScanOptions {
  readonly client: ClientIdentity;
  readonly ports: readonly OwnPort[];
  /** Ports that are our own, never asked. */
  readonly except: ReadonlySet<number>;
  /** Milliseconds that one port may take. Default 1 500 */
  readonly timeoutMs?: number;
}

const atOnce = 8;
const maxPorts = 300;
const maxAnswer = 256 * 1024;

const answerSchema = z.looseObject({
  jsonrpc: z.literal('2.0'),
  result: z
    .looseObject({
      _meta: z.looseObject({ 'io.modelcontextprotocol/serverInfo': z.looseObject({ name: z.string() }) }),
    })
    .optional()
    .catch(undefined),
});

/**
 * Asks each port once, with `server/discover` at `/mcp`: no session is made anywhere by that, and a server of an earlier
 * era answers it with a JSON-RPC error, which says enough (`security.md` S17).
 */
export async function scanLoopback(options: ScanOptions): Promise<{ found: Discovered[]; ports: number }> {
  const ports = options.ports.filter(({ port }) => !options.except.has(port)).slice(0, maxPorts);
  const waiting = [...ports];
  const found: Discovered[] = [];
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const server = await ask(next, options);
      if (server) found.push(server);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return { found: found.sort((a, b) => (a.url ?? '').localeCompare(b.url ?? '')), ports: ports.length };
}

async function ask({ host, port }: OwnPort, options: ScanOptions): Promise<Discovered | undefined> {
  const url = `http://${host}:${port}/mcp`;
  const text = await exchange(url, options).catch(() => undefined);
  if (text === undefined) return undefined;
  const answer = answerSchema.safeParse(jsonOf(text));
  if (!answer.success) return undefined;
  const said = answer.data.result?._meta['io.modelcontextprotocol/serverInfo'].name;
  const name = said === undefined ? `server-${port}` : visibleText(said, { max: 60 });
  const target = { kind: 'http' as const, url, env: [] };
  return {
    name,
    source: 'Listening on this machine',
    file: url,
    ...target,
    digest: targetDigest(target),
    values: { env: {}, headers: {} },
  };
}

/** The answer's first JSON object, plain or as an event; `undefined` where it is neither. */
function jsonOf(text: string): unknown {
  const line = text.startsWith('{') ? text : /^data: ?(\{.*\})\r?$/m.exec(text)?.[1];
  try {
    return line === undefined ? undefined : JSON.parse(line);
  } catch {
    return undefined;
  }
}

function exchange(url: string, options: ScanOptions): Promise<string> {
  const body = serializeJson(requestMessage(1, 'server/discover', withEnvelope(undefined, options.client)));
  return new Promise((resolve, reject) => {
    const sent = request(url, {
      method: 'POST',
      agent: false,
      signal: AbortSignal.timeout(options.timeoutMs ?? 1_500),
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        'mcp-protocol-version': modernVersion,
        'mcp-method': 'server/discover',
        'content-length': String(Buffer.byteLength(body)),
      },
    });
    sent.on('error', reject);
    sent.on('response', (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('error', reject);
      response.on('data', (part: string) => {
        text += part;
        // An event stream may stay open: its first event is all that is wanted.
        if (text.length > maxAnswer || /\ndata: ?\{.*\}\r?\n/.test(`\n${text}`)) {
          response.destroy();
          resolve(text);
        }
      });
      response.on('end', () => resolve(text));
    });
    sent.end(body);
  });
}
