import * as z from 'zod';
import { toolAccesses } from '../call.ts';
import { serverFeatures } from '../features.ts';
import { instant, isolationView, slug, toolView } from '../views.ts';
import { nothing, request, serverName } from './request-spec.ts';

/** Requests about what a server offers and how its results are treated: tools, features, walls, masking. */
export const offerRequests = {
  /** Ticks or unticks what a server offers besides tools, and what it may ask agents for; what is left out stays as it is. */
  'servers.features': request(
    z.strictObject({
      server: serverName,
      resources: z.boolean().optional(),
      prompts: z.boolean().optional(),
      elicitation: z.boolean().optional(),
      sampling: z.boolean().optional(),
      roots: z.boolean().optional(),
    }),
    z.object({ server: slug, features: z.array(z.enum(serverFeatures)) }),
    { widens: true },
  ),
  /** Walls a server in, or takes the walls away (`isolation` absent); it starts anew with its next call. */
  'servers.isolate': request(
    z.strictObject({
      server: serverName,
      isolation: z
        .strictObject({
          read: z.array(z.string().min(1).max(4_096)).max(100).default([]),
          write: z.array(z.string().min(1).max(4_096)).max(100).default([]),
          network: z.boolean().default(false),
          environmentOnly: z.boolean().default(false),
        })
        .optional(),
    }),
    z.object({ server: slug, isolation: isolationView.optional() }),
    { widens: true },
  ),
  /** Whether this machine can wall servers in, and if not, why and what to do. */
  'servers.isolation': request(
    nothing,
    z.object({ ok: z.boolean(), why: z.string().optional(), hint: z.string().optional() }),
  ),
  /**
   * Marks a server's results as private, or takes the mark away. A way whose middle reads does not offer it then, unless `readable`
   * says so: the second step.
   */
  'servers.private': request(
    z.strictObject({ server: serverName, private: z.boolean(), readable: z.boolean().optional() }),
    z.object({ server: slug, private: z.boolean(), readable: z.boolean() }),
    { widens: true },
  ),
  /** Approves a prompt, a template or the instructions of a server as they are now; `pin` names what was shown. */
  'servers.approveOffer': request(
    z.strictObject({
      server: serverName,
      kind: z.enum(['prompt', 'template', 'instructions']),
      name: z.string().max(4_096),
      pin: z.string().max(100),
    }),
    z.object({ server: slug }),
    { widens: true },
  ),
  /** What is done with results of a server; what is left out stays as it is. */
  'servers.results': request(
    z.strictObject({
      server: serverName,
      secrets: z.enum(['mask', 'pass']).optional(),
      unseen: z.enum(['report', 'remove']).optional(),
    }),
    z.object({ server: slug, secrets: z.enum(['mask', 'pass']), unseen: z.enum(['report', 'remove']) }),
    { widens: true },
  ),
  /** Results that were masked or withheld within the last ten minutes. */
  'results.list': request(
    nothing,
    z.object({
      results: z.array(
        z.object({
          /** Of the call, as in the log. */
          id: z.string(),
          at: instant,
          until: instant,
          agent: z.object({ id: z.string(), name: z.string() }),
          server: slug,
          tool: z.string(),
          kinds: z.array(z.string()),
          withheld: z.boolean(),
        }),
      ),
    }),
  ),
  /** The original of one, for the person's eyes: an outsider's JSON text with its secrets. */
  'results.reveal': request(
    z.strictObject({ id: z.string().min(1) }),
    z.object({ id: z.string(), text: z.string(), kinds: z.array(z.string()) }),
    { widens: true },
  ),
  /** Lets the agent have the original: its next identical call gets it, once, without running again. */
  'results.send': request(z.strictObject({ id: z.string().min(1) }), z.object({ id: z.string() }), { widens: true }),

  'tools.list': request(z.strictObject({ server: serverName }), z.object({ server: slug, tools: z.array(toolView) })),
  /** Sets a tool's access; on a new or changed tool, anything but `off` approves the definition with that `pin`. */
  'tools.set': request(
    z.strictObject({
      server: serverName,
      tool: z.string().min(1),
      access: z.enum(toolAccesses),
      /** The pin that was shown; a definition that changed since is refused with `pin_stale`. */
      pin: z.string().optional(),
    }),
    z.object({ server: slug, tool: toolView }),
    { widens: true },
  ),
} as const;
