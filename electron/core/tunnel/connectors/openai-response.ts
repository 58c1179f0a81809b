import { Buffer } from 'node:buffer';
import type { Command } from './openai-wire.ts';

/** How a POST answers a command (docs/openapi.json, `ResponsePayloadType`; the OAuth one is of the official client). */
export type ResponseType =
  | 'jsonrpc_response'
  | 'jsonrpc_notify'
  | 'notify_ack'
  | 'session_termination_response'
  | 'oauth_discovery_response';

/** One answer to a command. */
export interface ResponsePayload {
  readonly type: ResponseType;
  readonly status: number;
  /** `resp_json` as JSON text, put into the body as it is; absent for acknowledgements. */
  readonly json?: string;
  /** By lower-case name; only those that the protocol allows are sent. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** Response headers that may go on (protocol.md, Structured MCP errors). */
const allowed: ReadonlyMap<string, string> = new Map(
  [
    'Content-Type',
    'Mcp-Session-Id',
    'Mcp-Protocol-Version',
    'Last-Event-ID',
    'Access-Control-Expose-Headers',
    'WWW-Authenticate',
  ].map((name) => [name.toLowerCase(), name]),
);

/** The body of a POST to `…/response`: made once, so that every attempt sends the same bytes. */
export function responseBody(command: Pick<Command, 'requestId' | 'channel'>, payload: ResponsePayload): Buffer {
  const headers: Record<string, string[]> = {};
  const dropped = (payload.headers?.connection ?? '').toLowerCase().split(/[\s,]+/);
  for (const [name, value] of Object.entries(payload.headers ?? {})) {
    const known = allowed.get(name.toLowerCase());
    if (known !== undefined && value !== '' && !dropped.includes(name.toLowerCase())) headers[known] = [value];
  }
  const members = [
    `"request_id":${JSON.stringify(command.requestId)}`,
    `"channel":${JSON.stringify(command.channel)}`,
    ...(payload.json === undefined ? [] : [`"resp_json":${payload.json}`]),
    `"resp_headers":${JSON.stringify(headers)}`,
    `"resp_code":${payload.status}`,
    `"resp_type":"${payload.type}"`,
  ];
  return Buffer.from(`{${members.join(',')}}`);
}

/** Where a failure that no MCP error tells of came from (protocol.md, synthesized tunnel failures). */
export interface TunnelFailure {
  readonly source:
    | 'target_http'
    | 'dns'
    | 'tls'
    | 'connect'
    | 'transport_closed'
    | 'timeout'
    | 'protocol'
    | 'client_internal';
  /** Status that the target answered with: with `target_http` only. */
  readonly upstreamStatus?: number;
  readonly kind?: string;
}

/**
 * A synthesized `-32603` with its provenance. Holds nothing of what the target or the agent wrote.
 * @param idText the request's id as JSON text
 */
export function failurePayload(
  idText: string,
  status: number,
  message: string,
  failure: TunnelFailure,
  headers: Readonly<Record<string, string>> = {},
): ResponsePayload {
  const provenance = {
    version: 1,
    source: failure.source,
    ...(failure.kind === undefined ? {} : { transport_error_kind: failure.kind }),
    upstream_response_received: failure.source === 'target_http',
    ...(failure.upstreamStatus === undefined ? {} : { upstream_status: failure.upstreamStatus }),
  };
  const error = { code: -32_603, message, data: { tunnel_failure: provenance } };
  return {
    type: 'jsonrpc_response',
    status,
    json: `{"jsonrpc":"2.0","id":${idText},"error":${JSON.stringify(error)}}`,
    headers: { ...headers, 'content-type': 'application/json' },
  };
}
