import * as z from 'zod';
import { outcomes } from '../call.ts';
import { instant, logDetail, logRow, slug } from '../views.ts';
import { nothing, request } from './request-spec.ts';

/** Limits of the log, and what is in it. */
const logKeptView = z.object({
  days: z.number().int(),
  bytes: z.number().int(),
  usedBytes: z.number().int(),
  /** When the oldest entry that is kept was written. */
  oldest: instant.optional(),
});

/** Requests about the request log. */
export const logRequests = {
  'log.list': request(
    z.strictObject({
      limit: z.number().int().positive().max(1_000).default(100),
      server: slug.optional(),
      since: instant.optional(),
      /** Rows with a smaller `seq` only: the `next` of the page before. */
      before: z.number().int().positive().optional(),
      /** Words that must all appear in arguments, tool, server or agent; words are found from their beginning on. */
      text: z.string().max(500).optional(),
      /** Name or id of an agent. */
      agent: z.string().max(200).optional(),
      tool: z.string().max(200).optional(),
      /** What was decided, before anybody was asked. */
      decision: z.enum(['allow', 'ask', 'deny']).optional(),
      outcome: z.enum(outcomes).optional(),
      /** Not newer. */
      until: instant.optional(),
    }),
    z.object({ rows: z.array(logRow), next: z.number().int().optional() }),
  ),
  'log.show': request(z.strictObject({ id: z.string().min(1) }), z.object({ row: logDetail })),
  'log.verify': request(
    nothing,
    z.object({
      ok: z.boolean(),
      rows: z.number().int(),
      first: instant.optional(),
      last: instant.optional(),
      /** The first bad entry: what was changed or removed, the first one that is missing at the end, or a seal's. */
      badSeq: z.number().int().optional(),
      why: z.string().optional(),
      damage: z.enum(['changed', 'removed', 'cut', 'checkpoint']).optional(),
      /** Signed checkpoints that fit. */
      checkpoints: z.number().int(),
      /** Whether this installation's key was there to check them: `unproven` = by the key that the file names. */
      signedBy: z.enum(['us', 'unproven', 'nobody']),
      /** What retention took away, as its seal says. */
      removed: z.object({ entries: z.number().int(), upTo: instant }).optional(),
    }),
  ),
  /** How much of the log is kept, and how much there is. */
  'log.kept': request(nothing, logKeptView),
  /** Sets how much is kept; what is beyond that goes at once, for good. */
  'log.keep': request(
    z.strictObject({
      days: z.number().int().min(1).max(3_650).optional(),
      /** At least 1 MiB. */
      bytes: z.number().int().min(1_048_576).max(1_099_511_627_776).optional(),
    }),
    logKeptView,
    { widens: true },
  ),
} as const;
