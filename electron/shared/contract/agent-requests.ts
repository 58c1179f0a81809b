import * as z from 'zod';
import { agentView, consentView, doorView, instant, slug } from '../views.ts';
import { nothing, request, serverName } from './request-spec.ts';

/** Requests about agents: tokens, grants, consents and planted values. */
export const agentRequests = {
  'agents.list': request(nothing, z.object({ agents: z.array(agentView) })),
  /** Mints a bearer token for one shared server. The token is in the answer and nowhere else. */
  'agents.token': request(
    z.strictObject({
      server: serverName,
      name: z.string().min(1).max(80).optional(),
      ttlMs: z
        .number()
        .int()
        .positive()
        .max(366 * 86_400_000)
        .optional(),
      tools: z.array(z.string().min(1)).max(200).optional(),
    }),
    z.object({
      id: z.string(),
      token: z.string(),
      resource: z.string(),
      server: slug,
      scope: z.string(),
      expiresAt: instant,
    }),
    { widens: true },
  ),
  /** Pauses one agent: its tokens stay valid and answer "paused", over restarts, until a person resumes it. */
  'agents.pause': request(
    z.strictObject({ id: z.string().min(1), reason: z.string().min(1).max(500).optional() }),
    z.object({ id: z.string(), at: instant }),
  ),
  'agents.resume': request(z.strictObject({ id: z.string().min(1) }), z.object({ id: z.string() }), { widens: true }),

  /** Planted values: an agent that sends one anywhere is stopped and paused. */
  'canaries.list': request(
    nothing,
    z.object({
      canaries: z.array(
        z.object({
          id: z.string(),
          note: z.string(),
          at: instant,
          /** Its first characters: the whole is shown once, when it is made. */
          begins: z.string(),
        }),
      ),
    }),
  ),
  'canaries.add': request(
    z.strictObject({
      /** Where it is planted, in the person's words. */
      note: z.string().min(1).max(200),
      /** Default: one that is made. */
      value: z.string().min(1).max(400).optional(),
    }),
    z.object({ id: z.string(), value: z.string() }),
  ),
  'canaries.remove': request(z.strictObject({ id: z.string().min(1) }), z.object({ id: z.string() }), { widens: true }),
  'agents.revoke': request(z.strictObject({ id: z.string().min(1) }), z.object({ id: z.string() })),

  /**
   * Gives an agent a name of the person's own; `id` is the agent's, or that of something it holds. It widens where a rule
   * goes by the name of a token (`docs/policy.md`).
   */
  'agents.rename': request(
    z.strictObject({ id: z.string().min(1), name: z.string().trim().min(1).max(80) }),
    z.object({ id: z.string(), name: z.string() }),
    { widens: true },
  ),
  /** Narrows a grant or a token: to its reads, or to some of its tools. It never widens. */
  'agents.narrow': request(
    z.strictObject({
      id: z.string().min(1),
      tools: z.union([z.literal('reads'), z.array(z.string().min(1)).max(200)]),
    }),
    z.object({ id: z.string(), scope: z.string() }),
  ),
  /** *Let an agent in*: for a while, one new agent may ask. `forMs` 0 ends it. */
  'agents.letIn': request(
    z.strictObject({ forMs: z.number().int().min(0).max(3_600_000).default(600_000) }),
    doorView,
    { widens: true },
  ),
  'agents.unblock': request(z.strictObject({ id: z.string().min(1) }), doorView, { widens: true }),

  'consents.list': request(nothing, z.object({ consents: z.array(consentView), door: doorView })),
  /** Answers an OAuth request. `allow` releases nothing before its code was typed into the waiting page. */
  'consents.answer': request(
    z.strictObject({
      id: z.string().min(1),
      answer: z.enum(['allow', 'deny', 'block']),
      /** What of the request is allowed. */
      tools: z.union([z.enum(['all', 'reads']), z.array(z.string().min(1)).min(1).max(200)]).default('all'),
    }),
    z.object({ id: z.string(), answer: z.enum(['allow', 'deny', 'block']), code: z.string().optional() }),
    { widens: true },
  ),
} as const;
