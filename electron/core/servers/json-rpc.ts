import { type JsonNode, JsonNumber, JsonObject } from '../../shared/json-tree.ts';
import type { UpstreamAnswer } from './upstream-session.ts';

/** One incoming JSON-RPC message, sorted by what it is; the parts are the lossless tree as received. */
export type Incoming =
  | {
      readonly kind: 'request';
      readonly id: JsonNode;
      readonly method: string;
      readonly params: JsonObject | undefined;
    }
  | { readonly kind: 'notification'; readonly method: string; readonly params: JsonObject | undefined }
  | { readonly kind: 'result'; readonly id: number | undefined; readonly result: JsonNode }
  | { readonly kind: 'error'; readonly id: number | undefined; readonly error: JsonObject }
  | { readonly kind: 'wrong'; readonly id: number | undefined };

/** Sorts one message (JSON-RPC 2.0 §4, §5). Ids of answers are ours, so they are whole numbers; others read as undefined. */
export function sortMessage(node: JsonNode): Incoming {
  if (!(node instanceof JsonObject)) return { kind: 'wrong', id: undefined };
  const id = node.get('id');
  const method = node.get('method');
  if (typeof method === 'string') {
    const given = node.get('params');
    const params = given instanceof JsonObject ? given : undefined;
    return id === undefined ? { kind: 'notification', method, params } : { kind: 'request', id, method, params };
  }
  const ours = id instanceof JsonNumber && /^[0-9]{1,15}$/.test(id.lexeme) ? Number(id.lexeme) : undefined;
  const result = node.get('result');
  const error = node.get('error');
  if (result !== undefined && error === undefined) return { kind: 'result', id: ours, result };
  if (error instanceof JsonObject && result === undefined) return { kind: 'error', id: ours, error };
  return { kind: 'wrong', id: ours };
}

/** A request with our id. */
export function requestMessage(id: number, method: string, params: JsonObject | undefined): JsonObject {
  return new JsonObject([
    ['jsonrpc', '2.0'],
    ['id', new JsonNumber(String(id))],
    ['method', method],
    ...(params ? ([['params', params]] as const) : []),
  ]);
}

/** A notification. */
export function notificationMessage(method: string, params: JsonObject | undefined): JsonObject {
  return new JsonObject([['jsonrpc', '2.0'], ['method', method], ...(params ? ([['params', params]] as const) : [])]);
}

/** `notifications/cancelled` for one of our requests (2025-11-25, basic/utilities/cancellation). */
export function cancelledMessage(id: number): JsonObject {
  return notificationMessage(
    'notifications/cancelled',
    new JsonObject([
      ['requestId', new JsonNumber(String(id))],
      ['reason', 'The caller gave up.'],
    ]),
  );
}

/** An agent's answer to what a server asked. */
export function answerMessage(id: JsonNode, response: UpstreamAnswer): JsonObject {
  const what = 'error' in response ? (['error', response.error] as const) : (['result', response.result] as const);
  return new JsonObject([['jsonrpc', '2.0'], ['id', id], what]);
}

/**
 * The gateway's own answer to a request that a server sent: `ping` is answered, everything else is refused, since nobody
 * takes it (`security.md` S9).
 */
export function replyTo(id: JsonNode, method: string): JsonObject {
  const head = [
    ['jsonrpc', '2.0'],
    ['id', id],
  ] as const;
  if (method === 'ping') return new JsonObject([...head, ['result', new JsonObject()]]);
  const error = new JsonObject([
    ['code', new JsonNumber('-32601')],
    ['message', 'Method not found: this client offers no such capability.'],
  ]);
  return new JsonObject([...head, ['error', error]]);
}

/** The `code` of a JSON-RPC error object, undefined if it is not a number. */
export function errorCode(error: JsonObject): number | undefined {
  const code = error.get('code');
  return code instanceof JsonNumber ? code.value : undefined;
}

/** The `message` of a JSON-RPC error object. An outsider's text. */
export function errorMessage(error: JsonObject): string {
  const message = error.get('message');
  return typeof message === 'string' ? message : 'no message';
}

/** Whose answer a line was that our strict parser refuses; only the number is taken from it. */
export function answeredId(message: Uint8Array | string): number | undefined {
  try {
    const loose: unknown = JSON.parse(typeof message === 'string' ? message : new TextDecoder().decode(message));
    if (typeof loose !== 'object' || loose === null || !('id' in loose)) return undefined;
    return typeof loose.id === 'number' ? loose.id : undefined;
  } catch {
    return undefined;
  }
}
