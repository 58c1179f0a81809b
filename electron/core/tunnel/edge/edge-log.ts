/**
 * What an edge reports while it runs: names, addresses and counts, never a byte of what passes through. Logs show it;
 * text in it comes from the edge itself, except host names, which are checked to be such before they get here.
 */
export interface EdgeEvent {
  readonly event:
    | 'listening'
    | 'public_open'
    | 'public_close'
    | 'public_refused'
    | 'connector_up'
    | 'connector_down'
    | 'connector_refused'
    | 'agent_refused'
    | 'enrolled'
    | 'enrol_refused'
    | 'renewed'
    | 'renew_refused'
    | 'reloaded'
    | 'reload_refused'
    | 'error'
    | 'stopped';
  /** Tunnel domain, where one is known. */
  readonly domain?: string;
  /** Address of the peer. */
  readonly remote?: string;
  /** Serial number of a client certificate. */
  readonly serial?: string;
  readonly transport?: 'tls' | 'websocket';
  /** Why, in words or as an error code. */
  readonly reason?: string;
  /** Bytes from the public side to the tunnel, and back. */
  readonly bytesIn?: number;
  readonly bytesOut?: number;
  readonly ms?: number;
}

/** Takes the edge's events. */
export type EdgeLog = (event: EdgeEvent) => void;
