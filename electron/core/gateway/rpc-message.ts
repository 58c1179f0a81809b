import { type JsonNode, JsonNumber, JsonObject } from '../../shared/json-tree.ts';

/** A JSON-RPC request as MCP allows it: id a string or an integer, params an object. */
export interface RpcRequest {
  readonly kind: 'request';
  readonly id: string | JsonNumber;
  readonly method: string;
  readonly params: JsonObject | undefined;
}

/** A JSON-RPC notification. */
export interface RpcNotification {
  readonly kind: 'notification';
  readonly method: string;
  readonly params: JsonObject | undefined;
}

/** A JSON-RPC response that a client posts: what it says to a question of the server. */
export interface RpcResponse {
  readonly kind: 'response';
  readonly id: string | JsonNumber;
  readonly answer: { readonly result: JsonNode } | { readonly error: JsonObject };
}

/** What a client may post. */
export type RpcMessage = RpcRequest | RpcNotification | RpcResponse;

const methodName = /^[\x21-\x7e]{1,128}$/;
const maxId = 512;

/** Reads one message. @returns `undefined` for what is not JSON-RPC 2.0 as MCP profiles it */
export function readMessage(node: JsonNode): RpcMessage | undefined {
  if (!(node instanceof JsonObject) || node.get('jsonrpc') !== '2.0') return undefined;
  const method = node.get('method');
  const id = node.get('id');
  const [result, error] = [node.get('result'), node.get('error')];
  const answer = result !== undefined || error !== undefined;
  if (method === undefined) {
    if (!isId(id) || (result !== undefined && error !== undefined)) return undefined;
    if (result !== undefined) return { kind: 'response', id, answer: { result } };
    return error instanceof JsonObject ? { kind: 'response', id, answer: { error } } : undefined;
  }
  if (typeof method !== 'string' || !methodName.test(method) || answer) return undefined;
  const params = node.get('params');
  if (params !== undefined && !(params instanceof JsonObject)) return undefined;
  if (id === undefined) return { kind: 'notification', method, params };
  return isId(id) ? { kind: 'request', id, method, params } : undefined;
}

/** The id of something that may be a request, for an error about it; `null` if there is none to use. */
export function idOf(node: JsonNode): JsonNode {
  const id = node instanceof JsonObject ? node.get('id') : undefined;
  return isId(id) ? id : null;
}

/** A map key that tells `1` from `"1"`. */
export function idKey(id: string | JsonNumber): string {
  return typeof id === 'string' ? `s:${id}` : `n:${id.lexeme}`;
}

/** Whether a value may be a JSON-RPC id here. */
export function isId(id: JsonNode | undefined): id is string | JsonNumber {
  if (typeof id === 'string') return id.length <= maxId;
  return id instanceof JsonNumber && id.lexeme.length <= 32 && /^-?[0-9]+$/.test(id.lexeme);
}
