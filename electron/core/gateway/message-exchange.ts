import { Readable } from 'node:stream';
import { SallyportError } from '../../shared/errors.ts';
import { type JsonNode, parseJson, serializeJson } from '../../shared/json-tree.ts';
import type { Authorization } from '../oauth/resource-server.ts';
import type { Exchange } from './exchange.ts';
import { type Reply, readAccepts } from './reply.ts';
import type { SharedRoute } from './routes.ts';

/** The answer to a message, as an HTTP server of MCP would give it. */
export interface MessageAnswer {
  readonly status: number;
  /** The body: one JSON document on one line, or empty. */
  readonly text: string;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * One message for a shared server that did not come as an HTTP request of its own: a message-level connector brought it
 * (`design.md` §2). It walks the same road as a request: authenticate, classify, decide, log, forward.
 */
export interface GatewayMessage {
  readonly route: SharedRoute;
  /** The JSON-RPC message as received, or the end of the session that `mcp-session-id` names. */
  readonly action:
    | { readonly kind: 'post'; readonly body: JsonNode; readonly bytesIn: number }
    | { readonly kind: 'end-session' };
  /** Headers that came with it, by lower-case name. None of them ever reaches a local server. */
  readonly headers: ReadonlyMap<string, readonly string[]>;
  /** Who it is, where the person lets the way itself control access; without it, a token of ours is needed. */
  readonly visitor?: Authorization;
  /** Aborted when nobody waits for the answer any more; a call that runs is cancelled then. */
  readonly gone: AbortSignal;
  /** When whoever asked gives up, milliseconds since the epoch. */
  readonly deadline?: number;
  /** Takes a notification that belongs to the message: one JSON document. Comes before the answer, may be lost. */
  notify(text: string): void;
  /** Takes the answer, once. Resolves with whether it got through; never rejects. */
  answer(answer: MessageAnswer): Promise<boolean>;
}

/** What an {@link Exchange} has besides where it stands for a message and not for an HTTP request. */
export interface MessageSide {
  /** The way back. @param headers for the answer */
  reply(headers: Readonly<Record<string, string>>): Reply;
  /** See {@link GatewayMessage.deadline}. */
  readonly deadline: number | undefined;
}

/** Dresses a message as an exchange, so that both sides of the gateway take it as they take requests. */
export function openMessageExchange(message: GatewayMessage): Exchange {
  const { headers, gone } = message;
  const accept = headers.get('accept')?.join(',');
  const takesEvents = accept === undefined || readAccepts(accept).events;
  let answered = false;
  let delivery: Promise<boolean> = Promise.resolve(false);
  const send = (status: number, text: string, sent: Readonly<Record<string, string>>): number => {
    if (answered || gone.aborted) return 0;
    answered = true;
    delivery = message.answer({ status, text, headers: sent });
    return Buffer.byteLength(text);
  };
  return {
    method: message.action.kind === 'post' ? 'POST' : 'DELETE',
    host: undefined,
    authority: undefined,
    path: '',
    query: new URLSearchParams(),
    body: Readable.from([]),
    gone,
    header: (name) => headers.get(name)?.join(', '),
    doubledHeader: () =>
      [...headers].find(([name, values]) => values.length > 1 && /^(?:mcp-.*|authorization)$/.test(name))?.[0],
    headerSize: 0,
    get answered() {
      return answered;
    },
    send: (status, text = '', sent = {}) => send(status, text, sent),
    stream() {
      throw new SallyportError('internal', 'gateway', 'A message has no stream of its own.');
    },
    message: {
      deadline: message.deadline,
      reply: (sent) => {
        const json = { 'content-type': 'application/json', ...sent };
        return {
          gone,
          notify(notification) {
            if (takesEvents && !answered && !gone.aborted) message.notify(serializeJson(notification));
          },
          // What the client says to a question would have to come back by the same way, which has none for it.
          insist: () => false,
          hold() {},
          take(onEnd) {
            if (!takesEvents || answered || gone.aborted) return undefined;
            let open = true;
            const end = (): void => {
              if (!open) return;
              open = false;
              onEnd();
            };
            gone.addEventListener('abort', end, { once: true });
            const write = (text: string): number => {
              if (!open || answered) return 0;
              // A listener's last word is the response to its request; everything before is a notification.
              if (isResponse(text)) return send(200, text, json);
              message.notify(text);
              return Buffer.byteLength(text);
            };
            return {
              get open() {
                return open;
              },
              send: (text) => write(text),
              prime() {},
              retry() {},
              offer: (text) => void write(text),
              insist: (text) => void write(text),
              end,
            };
          },
          answer: (text, status = 200) => send(status, text, json),
          delivered: () => delivery,
        };
      },
    },
  };
}

function isResponse(text: string): boolean {
  const node = parseJson(text);
  return typeof node === 'object' && node !== null && 'get' in node && node.get('method') === undefined;
}
