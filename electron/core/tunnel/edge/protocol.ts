/**
 * Figures and names of the edge protocol that both ends share (`docs/protocol.md`). Changing one changes the wire.
 */

/** ALPN of a connector's connection: mutual TLS with HTTP/2 inside, the edge being the HTTP/2 client. */
export const connectorAlpn = 'sallyport/1';

/** WebSocket sub-protocol of the carrier at {@link carrierPath}: the same TLS, as a byte stream in binary messages. */
export const carrierProtocol = 'sallyport.h2.v1';

/** Path of the WebSocket carrier on the edge's own HTTPS. */
export const carrierPath = '/connect';

/** Path at which an invite and a certificate request become a client certificate. */
export const enrolPath = '/enrol';

/** Path at which a connector with a good certificate gets its next one. */
export const renewPath = '/renew';

/** Path at which an edge says which authorities it trusts, and by which certificates are to be signed. */
export const authorityPath = '/authority';

/** WebSocket sub-protocol of the agent door: the agent's inner TLS, as a byte stream in binary messages. */
export const agentProtocol = 'sallyport.tls.v1';

/** The agent door's path is this followed by the tunnel's domain. */
export const agentPathPrefix = '/tunnel/';

/**
 * The name to which every edge answers besides its own. A connector that dials an IP address cannot name the edge in
 * its ClientHello (RFC 6066 allows no addresses there) and sends this instead. Below `.localhost` (RFC 6761).
 */
export const edgeAlias = 'edge.localhost';

/** Label below the edge's name under which the agent door is reached. */
export const agentLabel = 'agents';

/** Header of a CONNECT request: the public peer's address as the edge saw it. A claim, never trusted. */
export const peerHeader = 'sallyport-peer';

/** Header of a CONNECT request: `sni` or `agent`, the door by which the agent came. */
export const doorHeader = 'sallyport-door';

/** GOAWAY debug data with which an edge says why it refuses a connector (ASCII; error code ENHANCE_YOUR_CALM). */
export const refusals = [
  'certificate_revoked',
  'certificate_expired',
  'certificate_unknown',
  'too_many_connections',
] as const;

/** See {@link refusals}. */
export type Refusal = (typeof refusals)[number];

/** A PING goes out this long after the last one was answered, in milliseconds. */
export const pingIntervalMs = 15_000;

/** An unanswered PING ends the connection after this many milliseconds: nothing in HTTP/2 does it by itself. */
export const pingTimeoutMs = 5_000;

/** Receive window of one stream in bytes: times the stream limit, the most that stalled readers can make an end hold. */
export const streamWindow = 256 * 1_024;

/** Receive window of one connection in bytes; does not bound memory, but a small one throttles a long line. */
export const sessionWindow = 16 * 1_024 * 1_024;

/** Streams (public connections) on one connector connection. */
export const maxStreams = 1_024;
