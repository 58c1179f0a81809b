import type { AgentRef } from '../../shared/call.ts';
import type { AgentView } from '../../shared/views.ts';

/** What a valid token lets its holder do. */
export interface Authorization {
  readonly agent: AgentRef;
  /** Identifier of the token or grant, for revocation and the log; never the token itself. */
  readonly grantId: string;
  /** Tools it is narrowed to; undefined = all that the server exposes. */
  readonly tools?: readonly string[];
  /**
   * Present where the grant can be widened to a tool that it does not cover: the challenge that says so. A minted token
   * stays as it was made.
   */
  readonly stepUp?: (tool: string) => Refusal;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

/** Why a request is not let in, with the challenge to send (RFC 6750 §3, RFC 9728 §5.1). */
export interface Refusal {
  readonly status: 400 | 401 | 403;
  /** Whole value of `WWW-Authenticate`. */
  readonly challenge: string;
  /** For the log: `no_token`, `bad_token`, `expired`, `revoked`, `wrong_audience`, `insufficient_scope`. Never sent. */
  readonly why: string;
}

/** What {@link ResourceServer.mint} takes. */
export interface MintOptions {
  readonly server: string;
  /** The audience: the shared server's URL, byte for byte. */
  readonly resource: string;
  readonly name: string;
  readonly ttlMs: number;
  readonly tools?: readonly string[];
}

/** OAuth resource server for the shared servers: bearer tokens, each bound to one audience. */
export interface ResourceServer {
  /** Checks the `Authorization` header against one resource, in constant time. */
  authenticate(header: string | undefined, resource: string): Authorization | Refusal;
  /** Mints a token; the clear text is in the answer and is stored nowhere (only its SHA-256). */
  mint(options: MintOptions): { id: string; token: string; scope: string; expiresAt: string };
  /** Adds one tool to a grant, after a person said so. @returns false if it is over or cannot be widened */
  widen(grantId: string, tool: string): boolean;
  /** Ends a grant, or all grants of an agent. @throws SallyportError `grant_not_found` at hop `oauth` */
  revoke(id: string): void;
  /** Ends every grant for one server (removal) or all. */
  revokeAll(server?: string): void;
  agents(): readonly Omit<AgentView, 'callsToday'>[];
  /** Protected-resource metadata (RFC 9728) of one shared server. */
  metadata(resource: string): Record<string, unknown>;
  /** Called with the grant's id when it ends, so that open streams can be cut. */
  onRevoked(listener: (grantId: string) => void): () => void;
  onChange(listener: () => void): () => void;
  close(): void;
}
