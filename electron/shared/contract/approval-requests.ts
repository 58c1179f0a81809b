import * as z from 'zod';
import { approvalDurations, approvalScopes, approvalView, instant, rememberedView } from '../views.ts';
import { nothing, request } from './request-spec.ts';

/** Requests about questions to the person and the rules that answer in their place. */
export const approvalRequests = {
  'approvals.list': request(
    nothing,
    z.object({ approvals: z.array(approvalView), remembered: z.array(rememberedView) }),
  ),
  'approvals.answer': request(
    z.strictObject({
      id: z.string().min(1),
      /** The digest that was shown; another one is refused with `approval_stale`. */
      digest: z.string().optional(),
      answer: z.enum(['allow', 'deny']),
      scope: z.enum(approvalScopes).default('call'),
      for: z.enum(approvalDurations).default('once'),
      reason: z.string().max(2_000).optional(),
      /** JSON text of other arguments to run instead, for `allow` once. They are judged anew, deny rules included. */
      arguments: z.string().max(4_194_304).optional(),
    }),
    z.object({
      id: z.string(),
      answer: z.enum(['allow', 'deny']),
      scope: z.enum(approvalScopes),
      for: z.enum(approvalDurations),
    }),
    { widens: true },
  ),
  /** By which ways a question would reach a person now: open windows and pages, the tray, and the command line. */
  'approvals.reach': request(
    nothing,
    z.object({
      windows: z.number().int(),
      pages: z.number().int(),
      /** Whether a desktop's tray is up, which opens prompts by itself. */
      desk: z.boolean(),
      commandLine: z.boolean(),
      /** Version of the app that answers. */
      version: z.string(),
    }),
  ),
  'approvals.forget': request(z.strictObject({ id: z.string().min(1) }), z.object({ id: z.string() })),

  /** The rules in force, as the person wrote them. */
  'policy.show': request(nothing, z.object({ path: z.string(), text: z.string(), rules: z.number().int() })),
  /** Rules that would have answered what the person answered by hand, from the recorded calls of the last days. */
  'policy.propose': request(
    z.strictObject({ days: z.int().min(1).max(366).optional() }),
    z.object({
      proposals: z.array(
        z.object({
          id: z.string(),
          /** `These 14 calls of write_file by Claude all stayed under ~/notes.` */
          sentence: z.string(),
          /** As it would stand in the rules file, YAML. */
          text: z.string(),
          agent: z.object({ id: z.string(), name: z.string() }),
          server: z.string(),
          tool: z.string(),
          calls: z.number().int(),
          since: instant,
        }),
      ),
    }),
  ),
  /** Adds proposed rules to the rules file, as `policy.propose` over the same days gives them, and puts it in force. */
  'policy.adopt': request(
    z.strictObject({
      ids: z.array(z.string().min(1).max(80)).min(1).max(50),
      days: z.int().min(1).max(366).optional(),
    }),
    z.object({ path: z.string(), rules: z.number().int() }),
    { widens: true },
  ),
  /** Checks a rules file and puts it in force. `name` is how messages call it. */
  'policy.set': request(
    z.strictObject({ text: z.string().max(1_048_576), name: z.string().max(4_096).optional() }),
    z.object({ path: z.string(), rules: z.number().int() }),
    { widens: true },
  ),
} as const;
