import type { Clock } from '../../../shared/clock.ts';
import { type JsonNode, JsonNumber, JsonObject, memberAt, parseJson } from '../../../shared/json-tree.ts';
import type { MessageAnswer } from '../../gateway/message-exchange.ts';
import type { MessageChannel, MessageEntrance } from './message-connector.ts';
import { unverifiedAgent } from './openai-agent.ts';
import { failurePayload, type ResponsePayload } from './openai-response.ts';
import type { Command } from './openai-wire.ts';

/** Who may call through the tunnel: agents with a token of ours, or whoever OpenAI's own access control lets in. */
export type OpenAiAccess = 'oauth' | 'tunnel';

/** What a command came to. */
export interface CommandAnswer {
  readonly payload: ResponsePayload;
  /** Why it failed on its way, in words for the person; absent where it was answered, denied or refused as it should be. */
  readonly failure?: string;
}

/** What one command needs while it is carried out. */
export interface CommandSurroundings {
  readonly clock: Clock;
  readonly entrance: MessageEntrance;
  readonly tunnelId: string;
  readonly access: OpenAiAccess;
  /** Aborted when the command's time is over: nothing runs on, nothing is sent. */
  readonly gone: AbortSignal;
  /** When that is, milliseconds since the epoch. */
  readonly deadline: number | undefined;
  notify(payload: ResponsePayload): void;
  /** Sends the terminal answer; resolves with whether it got through. */
  respond(answer: CommandAnswer): Promise<boolean>;
}

const json = { 'content-type': 'application/json' };

/** Command types that this client knows; others are left alone (protocol.md, Future command types). */
export const knownTypes: ReadonlySet<string> = new Set(['jsonrpc', 'session_termination', 'oauth_discovery']);

/** Carries out one command of a known type. Resolves when its terminal answer was sent or given up. Never rejects. */
export async function carryOut(command: Command, surroundings: CommandSurroundings): Promise<void> {
  const { entrance, respond } = surroundings;
  const name = command.channel;
  const channel = entrance.channels().find((one) => one.name === name);
  if (command.type === 'oauth_discovery') {
    await respond(discovery(channel, surroundings));
    return;
  }
  if (!channel) {
    await respond(noChannel(command, name));
    return;
  }
  if (command.type === 'session_termination') {
    if (!command.headers.get('mcp-session-id')?.[0]) {
      await respond({ payload: { type: 'session_termination_response', status: 400 } });
      return;
    }
    await enter(command, channel, { kind: 'end-session' }, surroundings);
    return;
  }
  const { payload } = command;
  if (!(payload instanceof JsonObject)) {
    await respond(unreadable(command));
    return;
  }
  await enter(command, channel, { kind: 'post', body: payload, bytesIn: command.bytes }, surroundings);
}

function enter(
  command: Command,
  channel: MessageChannel,
  action: { kind: 'post'; body: JsonNode; bytesIn: number } | { kind: 'end-session' },
  surroundings: CommandSurroundings,
): Promise<void> {
  const { clock, entrance, access, tunnelId, gone, deadline, notify, respond } = surroundings;
  const { route } = channel;
  return new Promise((resolve) => {
    // Given up: the gateway sends nothing any more.
    const over = (): void => resolve();
    gone.addEventListener('abort', over, { once: true });
    entrance.receive({
      route,
      action,
      headers: command.headers,
      gone,
      ...(deadline === undefined ? {} : { deadline }),
      ...(access === 'tunnel' ? { visitor: unverifiedAgent(tunnelId, command.headers, clock.now()) } : {}),
      notify: (text) => notify({ type: 'jsonrpc_notify', status: 200, json: text, headers: json }),
      async answer(answer) {
        const delivered = await respond(answerOf(command, answer));
        gone.removeEventListener('abort', over);
        resolve();
        return delivered;
      },
    });
  });
}

/** The gateway's answer in the words of the tunnel. */
function answerOf(command: Command, answer: MessageAnswer): CommandAnswer {
  const { status, text, headers } = answer;
  if (command.type === 'session_termination') {
    return { payload: { type: 'session_termination_response', status: status === 200 ? 204 : status } };
  }
  const isRequest = command.payload instanceof JsonObject && command.payload.get('id') !== undefined;
  if (!isRequest || text === '') return { payload: { type: 'notify_ack', status, headers } };
  const { isResponse, failure } = judge(text);
  if (!isResponse) {
    const words = status === 401 ? 'Unauthorized' : 'The local side refused the request.';
    return {
      payload: failurePayload(
        command.idText,
        status,
        words,
        { source: 'target_http', upstreamStatus: status },
        headers,
      ),
      failure: status === 401 ? 'The agent brought no token that is good for this server.' : words,
    };
  }
  if (failure?.provenance) {
    return {
      payload: failurePayload(command.idText, 502, failure.text, { source: 'connect' }, headers),
      failure: failure.text,
    };
  }
  return {
    payload: { type: 'jsonrpc_response', status, json: text, headers },
    ...(failure ? { failure: failure.text } : {}),
  };
}

interface Verdict {
  readonly isResponse: boolean;
  readonly failure?: { readonly text: string; readonly provenance: boolean };
}

/** Longest answer that is looked into: failures of the gateway's own are short. */
const longestJudged = 64 * 1024;
const serverUnavailable = -31_003;
const internal = -32_603;

function judge(text: string): Verdict {
  if (text.length > longestJudged) return { isResponse: true };
  let node: JsonNode;
  try {
    node = parseJson(text);
  } catch {
    return { isResponse: false };
  }
  if (memberAt(node, 'jsonrpc') !== '2.0') return { isResponse: false };
  const code = memberAt(node, 'error', 'code');
  const said = memberAt(node, 'error', 'message');
  if (code instanceof JsonNumber && typeof said === 'string') {
    // The local server was not there: no MCP error exists that could be passed on.
    if (code.value === serverUnavailable) return { isResponse: true, failure: { text: said, provenance: true } };
    if (code.value === internal && memberAt(node, 'error', 'data') === undefined) {
      return { isResponse: true, failure: { text: said, provenance: false } };
    }
  }
  if (memberAt(node, 'result', '_meta', 'sallyport/error') !== undefined) {
    return { isResponse: true, failure: { text: 'The local server could not answer.', provenance: false } };
  }
  return { isResponse: true };
}

function noChannel(command: Command, name: string): CommandAnswer {
  const failure = `No shared server is on the channel ${JSON.stringify(name.slice(0, 64))}.`;
  if (command.type === 'session_termination') {
    return { payload: { type: 'session_termination_response', status: 404 }, failure };
  }
  const isNotification = command.payload instanceof JsonObject && command.payload.get('id') === undefined;
  if (isNotification) return { payload: { type: 'notify_ack', status: 404 }, failure };
  return {
    payload: failurePayload(command.idText, 404, 'unsupported_channel', { source: 'client_internal' }),
    failure,
  };
}

function unreadable(command: Command): CommandAnswer {
  const strict = command.payloadProblem !== undefined;
  const error = strict
    ? { code: -32_700, message: 'The JSON-RPC message is not JSON that can be read in one way only.' }
    : { code: -32_600, message: 'The command holds no JSON-RPC message.' };
  const text = `{"jsonrpc":"2.0","id":${command.idText},"error":${JSON.stringify(error)}}`;
  return { payload: { type: 'jsonrpc_response', status: 400, json: text, headers: json } };
}

/** OAuth discovery: where tokens are needed, who gives them; where they are not, that there is nothing to discover. */
function discovery(channel: MessageChannel | undefined, { entrance, access }: CommandSurroundings): CommandAnswer {
  if (!channel || access === 'tunnel') {
    return { payload: { type: 'oauth_discovery_response', status: 404, json: '{"error":"not_found"}', headers: json } };
  }
  const metadata = JSON.stringify(entrance.metadata(channel.route.resource));
  return { payload: { type: 'oauth_discovery_response', status: 200, json: metadata, headers: json } };
}
