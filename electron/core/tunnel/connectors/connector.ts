import type { Duplex } from 'node:stream';
import type { ErrorShape } from '../../../shared/errors.ts';

/** What is known of one public connection that came down the tunnel. All of it is the edge's claim: shown, never trusted. */
export interface PeerInfo {
  /** Unique in this process. */
  readonly id: string;
  /** Address of the agent as the edge saw it, if it says so. */
  readonly remoteAddress?: string;
  /** The edge that brought it, `host:port`, or `embedded`. */
  readonly edge: string;
  /** How this machine reaches that edge. */
  readonly transport: 'tls' | 'websocket';
  /** Door of the edge that the agent came in by. */
  readonly door: 'sni' | 'agent';
}

/** One live connection to an edge. */
export interface EdgeConnection {
  readonly edge: string;
  /** `http2` and `quic` are cloudflared's. */
  readonly transport: 'tls' | 'websocket' | 'http2' | 'quic';
  /** RFC 3339 UTC. */
  readonly since: string;
  /** Round trip of the last HTTP/2 PING in milliseconds. */
  readonly rttMs?: number;
}

/** How a connector stands. `connected` = at least one connection is up (a probe must still prove that calls get through). */
export interface ConnectorStatus {
  readonly state: 'off' | 'connecting' | 'connected' | 'trouble';
  readonly connections: readonly EdgeConnection[];
  /** Why it is not connected, with the hop that failed. */
  readonly error?: ErrorShape;
  /** Whether a program that holds the connections can reach nothing else; absent where none is run. */
  readonly contained?: boolean;
  /** What else people should know of this way in: a step that is open, a limit, a warning. */
  readonly remarks?: readonly string[];
}

/** A byte-level way in: dials out, holds the connection, and hands over one Duplex per public connection. */
export interface Connector {
  /** Starts dialling; resolves at once. Each stream carries one inner-TLS connection, bytes untouched. */
  start(onConnection: (stream: Duplex, peer: PeerInfo) => void): void;
  status(): ConnectorStatus;
  /** Calls `listener` after each change of {@link status}; the function returned ends that. */
  onChange(listener: () => void): () => void;
  /** Tries again at once instead of waiting out the back-off (wake from sleep, network change). */
  retryNow(): void;
  /** Drains: no new streams, running ones get up to `graceMs` (default 5 000), then everything is closed. */
  stop(graceMs?: number): Promise<void>;
}
