import { isTooLarge } from '../../shared/definition-size.ts';
import { SallyportError } from '../../shared/errors.ts';
import { JsonObject, memberAt } from '../../shared/json-tree.ts';
import type { Policy } from '../policy/policy.ts';
import type { UpstreamSession } from '../servers/upstream-session.ts';
import { breathe } from './breathe.ts';

/** The whole tool list of one server, all pages joined. */
export interface ToolList {
  /** Result of the first page: its other members go to the agent untouched. */
  readonly head: JsonObject;
  readonly tools: readonly JsonObject[];
  readonly byName: ReadonlyMap<string, JsonObject>;
}

/** Either the list, or the server's own error object. */
export type ToolListAnswer = { readonly list: ToolList } | { readonly error: JsonObject };

/** Reads tool lists and tells policy of each, so that a changed definition is noticed before it is used. */
export interface ToolLists {
  /** Asks the server now. @throws SallyportError at hop `server` */
  read(server: string, session: UpstreamSession, signal?: AbortSignal): Promise<ToolListAnswer>;
  /** The list as this conversation gave it; asks the server once, and again after the list changed. */
  of(server: string, session: UpstreamSession): Promise<ToolListAnswer>;
  /** Drops what is known of one conversation: its list changed. */
  invalidate(session: UpstreamSession): void;
  /** The definition last seen of a tool, in whatever conversation. */
  known(server: string, tool: string): JsonObject | undefined;
  /** Forgets a server that is no longer shared. */
  forget(server: string): void;
}

const maxPages = 100;
const maxTools = 10_000;

/** Makes it. */
export function createToolLists(policy: Pick<Policy, 'observe' | 'prepare'>): ToolLists {
  const bySession = new WeakMap<UpstreamSession, Promise<ToolListAnswer>>();
  const latest = new Map<string, ToolList>();
  const read = async (server: string, session: UpstreamSession, signal?: AbortSignal): Promise<ToolListAnswer> => {
    const answer = await readPages(session, signal);
    if ('list' in answer) {
      const { tools } = answer.list;
      await breathe(tools);
      await policy.prepare(tools);
      await breathe(tools);
      latest.set(server, answer.list);
      policy.observe(server, tools);
      await breathe(tools);
    }
    return answer;
  };
  const remember = (session: UpstreamSession, reading: Promise<ToolListAnswer>): Promise<ToolListAnswer> => {
    bySession.set(session, reading);
    reading.catch(() => {
      if (bySession.get(session) === reading) bySession.delete(session);
    });
    return reading;
  };
  return {
    read: (server, session, signal) => remember(session, read(server, session, signal)),
    async of(server, session) {
      const fresh = (): Promise<ToolListAnswer> => bySession.get(session) ?? remember(session, read(server, session));
      try {
        return await fresh();
      } catch (thrown) {
        // Begun by another request, which was withdrawn: that is no reason for this one to fail.
        if (thrown instanceof SallyportError && thrown.code === 'call_cancelled') return await fresh();
        throw thrown;
      }
    },
    invalidate: (session) => void bySession.delete(session),
    known: (server, tool) => latest.get(server)?.byName.get(tool),
    forget: (server) => void latest.delete(server),
  };
}

async function readPages(session: UpstreamSession, signal: AbortSignal | undefined): Promise<ToolListAnswer> {
  const tools: JsonObject[] = [];
  const byName = new Map<string, JsonObject>();
  let head: JsonObject | undefined;
  let cursor: string | undefined;
  for (let page = 0; page < maxPages; page += 1) {
    const params = cursor === undefined ? undefined : new JsonObject([['cursor', cursor]]);
    const answer = await session.request('tools/list', params, signal ? { signal } : {});
    if ('error' in answer) return { error: answer.error };
    const { result } = answer;
    const listed = memberAt(result, 'tools');
    if (!(result instanceof JsonObject) || !Array.isArray(listed)) throw wrong('is no list');
    head ??= result;
    for (const tool of listed) {
      const name = memberAt(tool, 'name');
      if (!(tool instanceof JsonObject) || typeof name !== 'string') throw wrong('holds something that is no tool');
      if (isTooLarge(tool)) throw wrong('holds a definition that is too large');
      // Of two tools with one name nobody could say which was approved.
      if (byName.has(name)) throw wrong('names a tool twice');
      byName.set(name, tool);
      tools.push(tool);
    }
    if (tools.length > maxTools) throw wrong(`has more than ${maxTools} tools`);
    const next = result.get('nextCursor');
    if (typeof next !== 'string') return { list: { head, tools, byName } };
    cursor = next;
  }
  throw wrong(`goes on after ${maxPages} pages`);
}

function wrong(what: string): SallyportError {
  return new SallyportError('server_wrong_output', 'server', `The server’s tool list ${what}.`);
}
