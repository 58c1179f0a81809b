import * as z from 'zod';
import { instant, slug } from '../views.ts';
import { nothing, request } from './request-spec.ts';

/** What the weekly review says (`ui.md`, The first month). Lists of unused things stay empty in the first week. */
export const reviewView = z.object({
  /** From when on calls were looked at, and how many whole days that is. */
  since: instant,
  days: z.number().int(),
  /** Questions that a person answered, and how many of them in under a second. */
  prompts: z.object({ count: z.number().int(), quick: z.number().int() }),
  /** Remembered answers that answered nothing. */
  remembered: z.array(z.object({ id: z.string(), agent: z.string(), server: slug, tool: z.string() })),
  /** Ids of rules that decided nothing. */
  rules: z.array(z.string()),
  /** Grants and tokens that nobody came with. */
  agents: z.array(z.object({ id: z.string(), name: z.string(), server: slug, lastUsedAt: instant.optional() })),
  /** Tools that are on and were not called. */
  tools: z.array(z.object({ server: slug, tool: z.string(), pin: z.string() })),
  /** What ends within 14 days. */
  ending: z.array(
    z.object({
      what: z.enum(['certificate', 'authority', 'grant']),
      at: instant,
      id: z.string().optional(),
      name: z.string().optional(),
      server: slug.optional(),
    }),
  ),
});
/** See {@link reviewView}. */
export type ReviewView = z.infer<typeof reviewView>;

/** Requests about the weekly review. */
export const reviewRequests = {
  'review.week': request(nothing, reviewView),
} as const;
