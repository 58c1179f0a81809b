import type { JsonNode, JsonObject } from '../../shared/json-tree.ts';

/** What a server said of itself when the conversation opened, in one shape for both eras. */
export interface UpstreamInfo {
  readonly era: 'legacy' | 'modern';
  /** Revision agreed on with this server, for instance `2025-06-18`. */
  readonly protocolVersion: string;
  /** As received; what this gateway cannot bridge is still in it. */
  readonly capabilities: JsonObject;
  /** As received: self-reported, for display only. */
  readonly serverInfo: JsonObject;
  readonly instructions?: string;
}

/** A JSON-RPC answer as the server gave it, untouched. */
export type UpstreamAnswer = { readonly result: JsonNode } | { readonly error: JsonObject };

/** A request that a legacy server sent to its client: elicitation, sampling or roots. */
export interface ServerRequest {
  readonly method: string;
  readonly params: JsonObject | undefined;
  /** Aborted when the server withdrew it or the conversation is over; an answer goes nowhere then. */
  readonly withdrawn: AbortSignal;
  /** Sends the client's result or error object, once. */
  answer(response: UpstreamAnswer): void;
}

/** Options of {@link UpstreamSession.request}. */
export interface UpstreamRequestOptions {
  /** Aborting it cancels at the server (`notifications/cancelled`, or closing the stream). */
  readonly signal?: AbortSignal;
  /** Milliseconds until the server counts as not answering. Default 300 000. */
  readonly timeoutMs?: number;
  /** Notifications that belong to this request (progress with the caller's own token, log messages). */
  readonly onNotification?: (method: string, params: JsonObject | undefined) => void;
  /** Called when the first byte of the request was handed to the server: from here on nothing may be sent twice (S11). */
  readonly onSent?: () => void;
  /** Called when the server broke off the stream of its answer, to go on later (MCP 2025-11-25, polling). */
  readonly onPause?: (retryMs: number) => void;
  /** Log level the modern caller opted in to. */
  readonly logLevel?: string;
  /** What the caller can be asked for by a modern server, as `clientCapabilities`. Default: nothing. */
  readonly capabilities?: JsonObject;
  /**
   * Takes what a legacy server asks while it works on this request: on the request's own stream, or over stdio while no
   * other request with such a taker is in flight.
   */
  readonly onServerRequest?: (request: ServerRequest) => void;
  /** Not counted as work: the conversation may end as idle while it waits (`subscriptions/listen`). */
  readonly background?: boolean;
}

/**
 * One conversation with one server, in whatever era it speaks: a child process over stdio, or an HTTP upstream. Ids and
 * progress tokens are remapped inside, so several callers may share it. The request params carry no modern envelope
 * (`io.modelcontextprotocol/*` members of `_meta`): the session adds what its era needs.
 */
export interface UpstreamSession {
  readonly info: UpstreamInfo;
  /**
   * Sends one request and waits for its answer, also when that is a JSON-RPC error.
   * @throws SallyportError at hop `server`: `server_gone`, `server_timeout`, `server_wrong_output`, `server_unreachable`;
   *   `call_cancelled` when `signal` was aborted. After `onSent` the outcome of a thrown error is unknown.
   */
  request(method: string, params: JsonObject | undefined, options?: UpstreamRequestOptions): Promise<UpstreamAnswer>;
  /** Sends a notification; failures are logged, not thrown. */
  notify(method: string, params: JsonObject | undefined): void;
  /** Notifications that belong to no request, for instance `notifications/tools/list_changed`. */
  onNotification(listener: (method: string, params: JsonObject | undefined) => void): () => void;
  /**
   * What a legacy server asks outside of any request that takes it; one listener takes each. Without one, and for what no
   * capability was offered for, the server is told that there is no such method.
   */
  onServerRequest(listener: (request: ServerRequest) => void): () => void;
  /** Called once when the conversation is over, whatever ended it. */
  onClose(listener: () => void): () => void;
  /** Ends it: the child's whole process tree, or the HTTP session. */
  close(): Promise<void>;
}
