/**
 * What one public connection may take. Going over costs that connection only: each public connection has its own TLS and
 * its own HTTP session here, so Node's HTTP/2 limits, made for one browser, are in their right place (unlike in the tunnel
 * below, `security.md` S1).
 */
export interface InnerTlsLimits {
  /** Public connections at once, hand-shakes included. An idle one takes about 100 KiB. */
  readonly connections: number;
  /** From the first byte to the end of the TLS hand-shake, milliseconds. */
  readonly handshakeMs: number;
  /** From the end of the hand-shake to the first request, milliseconds. */
  readonly firstRequestMs: number;
  /** For all headers of an HTTP/1.1 request, milliseconds; then 408. */
  readonly headersMs: number;
  /** For a whole request with its body, milliseconds; then 408, or RST_STREAM in HTTP/2. */
  readonly requestMs: number;
  /** Without any open request, milliseconds; then the connection is closed. Open requests and event streams count. */
  readonly idleMs: number;
  /** All header names and values of one request, bytes; then 431, or the stream ends. */
  readonly headerBytes: number;
  /** Header lines of one request. */
  readonly headerLines: number;
  /** HTTP/2 requests at once on one connection. */
  readonly streams: number;
  /** HTTP/2 flow-control window of one stream, bytes: what an unread body can hold here. */
  readonly streamWindowBytes: number;
  /** Memory that one HTTP/2 session may hold, megabytes; new streams are then refused. */
  readonly sessionMegabytes: number;
}

/** The limits in use unless told otherwise. */
export const defaultInnerTlsLimits: InnerTlsLimits = {
  connections: 512,
  handshakeMs: 10_000,
  firstRequestMs: 15_000,
  headersMs: 10_000,
  requestMs: 120_000,
  idleMs: 120_000,
  headerBytes: 32_768,
  headerLines: 128,
  streams: 100,
  streamWindowBytes: 262_144,
  sessionMegabytes: 32,
};
