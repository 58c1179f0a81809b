import * as z from 'zod';
import { agentRequests } from './contract/agent-requests.ts';
import { appRequests } from './contract/app-requests.ts';
import { approvalRequests } from './contract/approval-requests.ts';
import { logRequests } from './contract/log-requests.ts';
import { offerRequests } from './contract/offer-requests.ts';
import type { RequestSpec } from './contract/request-spec.ts';
import { reviewRequests } from './contract/review-requests.ts';
import { serverRequests } from './contract/server-requests.ts';
import { tunnelRequests } from './contract/tunnel-requests.ts';
import { errorShape } from './errors.ts';
import { updatesView } from './updates.ts';
import {
  agentView,
  approvalView,
  consentView,
  doorView,
  instant,
  logRow,
  preferencesView,
  presenceView,
  rememberedView,
  serverView,
  statusView,
  tunnelView,
} from './views.ts';

/**
 * The contract between the core and its fronts (window, browser, CLI, tests): every request and event once, with the
 * schemas of what goes in and out. Preload bridge, browser client, control socket and test client are made from it
 * (`design.md` §5). Adding a request is one entry in its station's part
 * (`contract/*-requests.ts`), its name in `contract-names.ts`, and one handler in `core/handlers`.
 */

/** Every request by name. */
export const requests = {
  ...appRequests,
  ...serverRequests,
  ...offerRequests,
  ...agentRequests,
  ...approvalRequests,
  ...reviewRequests,
  ...logRequests,
  ...tunnelRequests,
} as const satisfies Record<string, RequestSpec>;

/** Name of a request. */
export type RequestName = keyof typeof requests;
/** What a request takes, before defaults are filled in. */
export type RequestInput<Name extends RequestName> = z.input<(typeof requests)[Name]['input']>;
/** What a request answers. */
export type RequestOutput<Name extends RequestName> = z.output<(typeof requests)[Name]['output']>;

/** What every front shows at all times; small enough to send whole (log rows travel apart). */
export const appState = z.object({
  version: z.string(),
  status: statusView,
  paused: z.object({ at: instant, why: z.string().optional() }).optional(),
  tunnel: tunnelView,
  servers: z.array(serverView),
  approvals: z.array(approvalView),
  remembered: z.array(rememberedView),
  agents: z.array(agentView),
  consents: z.array(consentView),
  door: doorView,
  settings: preferencesView,
  presence: presenceView,
  /** Absent where no desktop shell runs. */
  updates: updatesView.optional(),
});
/** See {@link appState}. */
export type AppState = z.infer<typeof appState>;

/** Every event by name, each a topic that a front subscribes to. */
export const events = {
  /** First the whole state with its revision, then patches of whole slices; a gap means: subscribe again. */
  state: z.union([
    z.object({ rev: z.number().int(), state: appState }),
    z.object({ rev: z.number().int(), patch: appState.partial() }),
  ]),
  /** New and changed log rows, batched; `dropped` counts rows left out of this view (never out of the log). */
  log: z.object({ rows: z.array(logRow), dropped: z.number().int() }),
  /** What happens to prompts, one event each. */
  approvals: z.object({
    type: z.enum(['opened', 'changed', 'closed']),
    approval: approvalView,
    by: z.string().optional(),
    answer: z.enum(['allow', 'deny', 'expired', 'withdrawn']).optional(),
  }),
} as const satisfies Record<string, z.ZodType>;

/** Name of an event topic. */
export type EventName = keyof typeof events;
/** What an event carries. */
export type EventPayload<Name extends EventName> = z.output<(typeof events)[Name]>;

/** What a front sends, one JSON object a message (WebSocket) or line (control socket). */
export const clientFrame = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('request'),
    id: z.number().int().nonnegative(),
    name: z.string(),
    input: z.unknown(),
  }),
  z.strictObject({ type: z.literal('subscribe'), topic: z.string() }),
  z.strictObject({ type: z.literal('unsubscribe'), topic: z.string() }),
]);
/** See {@link clientFrame}. */
export type ClientFrame = z.infer<typeof clientFrame>;

/** What the core sends back. */
export const serverFrame = z.discriminatedUnion('type', [
  z.object({ type: z.literal('answer'), id: z.number().int(), ok: z.literal(true), value: z.unknown() }),
  z.object({ type: z.literal('failure'), id: z.number().int(), ok: z.literal(false), error: errorShape }),
  z.object({ type: z.literal('event'), topic: z.string(), payload: z.unknown() }),
]);
/** See {@link serverFrame}. */
export type ServerFrame = z.infer<typeof serverFrame>;

/** What every front can do: ask, and listen. The renderer sees nothing else. */
export interface ContractClient {
  /** Sends a request. @throws SallyportError as the core answered it */
  request<Name extends RequestName>(name: Name, input: RequestInput<Name>): Promise<RequestOutput<Name>>;
  /** Listens to a topic until the function returned is called. */
  subscribe<Name extends EventName>(topic: Name, listener: (payload: EventPayload<Name>) => void): () => void;
}
