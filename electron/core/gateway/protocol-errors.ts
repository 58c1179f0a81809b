import { fromPlain, type JsonNode, JsonObject } from '../../shared/json-tree.ts';

/**
 * JSON-RPC error codes that the gateway answers with: JSON-RPC 2.0 §5.1, MCP 2026-07-28 (`-3202x`), and the gateway's
 * own, which lie outside every reserved range.
 */
export const codes = {
  parse: -32_700,
  invalidRequest: -32_600,
  methodNotFound: -32_601,
  invalidParams: -32_602,
  internal: -32_603,
  /** MCP: header and body disagree, or a required header is missing. */
  headerMismatch: -32_020,
  /** MCP: protocol version not supported. */
  unsupportedVersion: -32_022,
  /** What SDK servers use for "Session not found" and "Bad Request" in the legacy era. */
  legacySession: -32_001,
  /** Own: the person paused Sallyport. */
  paused: -31_001,
  /** Own: a limit of this gateway. */
  limit: -31_002,
  /** Own: the local server cannot be reached. */
  serverUnavailable: -31_003,
  /** Own: the agent withdrew the request, or lost its access while it ran. */
  ended: -31_004,
  /** Own: the grant does not cover this; sent with 403 and a challenge. */
  insufficientScope: -31_005,
} as const;

/** One refusal as HTTP and JSON-RPC say it. */
export interface ProtocolRefusal {
  readonly status: number;
  readonly code: number;
  readonly message: string;
  readonly data?: JsonNode;
  /** Id of the request refused; `null` where it is not known (JSON-RPC 2.0 §5). */
  readonly id: JsonNode;
}

/** A JSON-RPC error response. `message` must hold nothing internal. */
export function errorResponse(id: JsonNode, code: number, message: string, data?: JsonNode): JsonObject {
  return new JsonObject([
    ['jsonrpc', '2.0'],
    ['id', id],
    ['error', errorBody(code, message, data)],
  ]);
}

/** The error object alone. */
export function errorBody(code: number, message: string, data?: JsonNode): JsonObject {
  return new JsonObject([
    ['code', fromPlain(code)],
    ['message', message],
    ...(data === undefined ? [] : [['data', data] as const]),
  ]);
}

/** A JSON-RPC response that carries a server's error object untouched. */
export function relayedError(id: JsonNode, error: JsonObject): JsonObject {
  return new JsonObject([
    ['jsonrpc', '2.0'],
    ['id', id],
    ['error', error],
  ]);
}

/** A JSON-RPC result response. */
export function resultResponse(id: JsonNode, result: JsonNode): JsonObject {
  return new JsonObject([
    ['jsonrpc', '2.0'],
    ['id', id],
    ['result', result],
  ]);
}

/** A JSON-RPC request. */
export function requestMessage(id: JsonNode, method: string, params: JsonObject | undefined): JsonObject {
  return new JsonObject([
    ['jsonrpc', '2.0'],
    ['id', id],
    ['method', method],
    ...(params === undefined ? [] : [['params', params] as const]),
  ]);
}

/** A JSON-RPC notification. */
export function notification(method: string, params: JsonObject | undefined): JsonObject {
  return new JsonObject([
    ['jsonrpc', '2.0'],
    ['method', method],
    ...(params === undefined ? [] : [['params', params] as const]),
  ]);
}
