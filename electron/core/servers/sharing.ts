import { isTooLarge } from '../../shared/definition-size.ts';
import { SallyportError } from '../../shared/errors.ts';
import { JsonNumber, JsonObject, memberAt } from '../../shared/json-tree.ts';
import type { ServerRecord, Servers } from './servers.ts';
import type { UpstreamSession } from './upstream-session.ts';

/** Key under which sharing talks to a server; ended as soon as its tools are known. */
const sharingKey = 'sharing';
const maxPages = 100;

/**
 * Starts a server and reads its whole tool list, page by page: what sharing pins (`design.md` §6, `share`).
 * @param waitMs how long the server may take to come up. Default 60 000
 * @throws SallyportError `server_not_ready` with the server's last words; nothing is shared then
 */
export async function readTools(servers: Servers, record: ServerRecord, waitMs = 60_000): Promise<JsonObject[]> {
  const signal = AbortSignal.timeout(waitMs);
  const late = new Promise<never>((_resolve, reject) => {
    signal.addEventListener('abort', () => {
      reject(
        new SallyportError(
          'server_not_ready',
          'server',
          `${record.name} did not come up within ${Math.round(waitMs / 1_000)} s.`,
          { hint: 'Run its command by hand to see what it says, or give it longer with --wait.' },
        ),
      );
    });
  });
  late.catch(() => {});
  try {
    return await Promise.race([readAllPages(servers, record, waitMs), late]);
  } finally {
    await servers.end(record.slug, sharingKey);
  }
}

async function readAllPages(servers: Servers, record: ServerRecord, waitMs: number): Promise<JsonObject[]> {
  const session = await servers.connect(record, sharingKey);
  return await listTools(session, waitMs);
}

/** All tool definitions that a session lists, following `nextCursor`. @throws SallyportError `server_wrong_output` */
export async function listTools(session: UpstreamSession, timeoutMs: number): Promise<JsonObject[]> {
  const tools: JsonObject[] = [];
  let cursor: string | undefined;
  for (let page = 0; page < maxPages; page += 1) {
    const params = cursor === undefined ? undefined : new JsonObject([['cursor', cursor]]);
    const answer = await session.request('tools/list', params, { timeoutMs });
    if ('error' in answer) {
      // A server without tools says "method not found": it has none to share.
      const code = memberAt(answer.error, 'code');
      if (code instanceof JsonNumber && code.value === -32601) return tools;
      throw new SallyportError('server_wrong_output', 'server', 'The server answered its tool list with an error.');
    }
    const listed = memberAt(answer.result, 'tools');
    if (!Array.isArray(listed)) {
      throw new SallyportError('server_wrong_output', 'server', 'The server’s tool list is not a list.');
    }
    for (const tool of listed) {
      if (!(tool instanceof JsonObject)) continue;
      if (isTooLarge(tool)) {
        const message = 'The server’s tool list holds a definition that is too large to be judged.';
        throw new SallyportError('server_wrong_output', 'server', message);
      }
      tools.push(tool);
    }
    const next = memberAt(answer.result, 'nextCursor');
    if (typeof next !== 'string') return tools;
    cursor = next;
  }
  throw new SallyportError('server_wrong_output', 'server', `The server’s tool list goes on after ${maxPages} pages.`);
}
