import * as z from 'zod';
import type { ServerFeature } from './features.ts';
import type { JsonNode, JsonObject } from './json-tree.ts';

/** What a tool can do, in rising order: only looks, changes something, or runs whatever it is told. */
export const toolClasses = ['read', 'effect', 'dangerous'] as const;
/** See {@link toolClasses}. */
export type ToolClass = (typeof toolClasses)[number];

/** What happens when an agent calls an exposed tool. `off` tools are neither listed nor callable. */
export const toolAccesses = ['allow', 'ask', 'off'] as const;
/** See {@link toolAccesses}. */
export type ToolAccess = (typeof toolAccesses)[number];

/** The protocol revisions that the gateway speaks. The newest is the only modern (stateless) one. */
export const protocolVersions = ['2025-03-26', '2025-06-18', '2025-11-25', '2026-07-28'] as const;
/** See {@link protocolVersions}. */
export type ProtocolVersion = (typeof protocolVersions)[number];

/** An agent as policy, prompts and log know it: all its tokens share one `id`. */
export interface AgentRef {
  /** Stable identifier: `token:<id>` for a minted token, `client:<host>` for an OAuth client. */
  readonly id: string;
  /** The name people see, for instance `Claude (claude.ai)`. An outsider's text: show it through `showText`. */
  readonly name: string;
}

/**
 * The one value that travels from the gateway to policy, approvals and log. It is made once, from the parsed body, and
 * never changed: what is asked, decided, logged and forwarded is this.
 */
export interface Call {
  /** Unique for the life of the data folder. */
  readonly id: string;
  /** When the gateway had read it, RFC 3339 UTC. */
  readonly at: string;
  readonly agent: AgentRef;
  /** Identifies the agent's activity across servers and MCP sessions (`design.md` §4). */
  readonly agentSession: string;
  /** Slug of the shared server. */
  readonly server: string;
  /** JSON-RPC method, for instance `tools/call`. */
  readonly method: string;
  /** What it names: tool or prompt name, or resource URI. Absent where the method names nothing. */
  readonly name?: string;
  /** The arguments exactly as received, lossless. Absent where there are none. */
  readonly arguments?: JsonNode;
  /** `inputResponses` of a multi-round-trip retry, as received. */
  readonly inputResponses?: JsonNode;
  /** `sha256:<hex>` over method, name, arguments, inputResponses, pin, agent and server (`security.md` S13). */
  readonly digest: string;
  /** Pin of the tool's definition at that moment, `sha256:<hex>`; absent for what has no definition. */
  readonly pin?: string;
  /** For what is no tool: the feature of the server that it belongs to, which the person ticked. */
  readonly feature?: ServerFeature;
  /** The client's protocol revision. */
  readonly era: ProtocolVersion;
  /** When the client is known to give up, milliseconds since the epoch. */
  readonly deadline?: number;
  /** Size of the request body in bytes. */
  readonly bytesIn: number;
}

/** What policy makes of a call. */
export const decisionSchema = z.object({
  effect: z.enum(['allow', 'ask', 'deny']),
  /** Identifier of the rule that decided, for instance `class:read`, `access:ask`, `built-in:data-folder`. */
  rule: z.string(),
  /** Sentences for people, most telling first. */
  reasons: z.array(z.string()),
  /** Those of {@link Decision.reasons} that say what is odd about this call, most telling first. For prompts only; not logged apart. */
  unusual: z.array(z.string()).optional(),
  /** 0 (harmless) to 100. */
  risk: z.number().int().min(0).max(100),
  class: z.enum(toolClasses),
});
/** See {@link decisionSchema}. */
export type Decision = z.infer<typeof decisionSchema>;

/** How a person, or the lack of one, answered an `ask`. */
export const answerSchema = z.object({
  outcome: z.enum(['allowed', 'denied', 'expired', 'pending', 'cancelled', 'paused']),
  /** Which front answered: `window`, `browser`, `cli`, `tray`, `notification`, `remembered`, `permit`; absent for a time-out. */
  by: z.string().optional(),
  /** Milliseconds between asking and answer. */
  after: z.number().nonnegative().optional(),
  /** What the person wants the model to read. */
  reason: z.string().optional(),
  /** For `pending`: when asking again makes sense, in milliseconds. */
  retryAfterMs: z.number().optional(),
});
/** See {@link answerSchema}. */
export type Answer = z.infer<typeof answerSchema> & {
  /** Arguments that the person put in place of the agent's; they are judged anew before anything runs. */
  readonly arguments?: JsonObject;
};

/** How a call ended, as the log keeps it. `unknown` = it was at the server when it died, or the app did. */
export const outcomes = ['ran', 'failed', 'denied', 'expired', 'pending', 'cancelled', 'paused', 'unknown'] as const;
/** See {@link outcomes}. */
export type Outcome = (typeof outcomes)[number];
