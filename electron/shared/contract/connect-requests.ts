import * as z from 'zod';
import { hops } from '../hop.ts';
import { writableProgramIds } from '../programs.ts';
import { instant, slug } from '../views.ts';
import { request, serverName } from './request-spec.ts';

const wish = {
  server: serverName,
  program: z.enum(writableProgramIds),
  /** Absolute path of a project's folder: its own file instead of the person's. */
  project: z.string().min(1).max(4_096).optional(),
  /** With a new bearer token in the file, for programs that cannot sign in. */
  token: z.boolean().optional(),
};

/** Requests about connecting agents: *Write it for me*. */
export const connectRequests = {
  /** The exact change to a program's file that would connect it to a shared server. Changes nothing. */
  'connect.propose': request(
    z.strictObject(wish),
    z.object({
      server: slug,
      file: z.string(),
      exists: z.boolean(),
      /** The lines that differ, with a few around them; text of a file of somebody else. A token reads `…`. */
      lines: z.array(z.object({ kind: z.enum(['same', 'removed', 'added']), text: z.string() })),
      digest: z.string(),
      /** The repository in which the file lies: what is written there may be published. */
      repository: z.string().optional(),
    }),
  ),
  /** Writes what was shown under `digest`; with a token into a repository only if `inRepository` says so. */
  'connect.write': request(
    z.strictObject({ ...wish, digest: z.string().max(100), inRepository: z.boolean().optional() }),
    z.object({
      server: slug,
      file: z.string(),
      /** Where the file as it was before is kept; absent where there was none. */
      kept: z.string().optional(),
      /** Id of the token that stands in it. */
      token: z.string().optional(),
    }),
    { widens: true },
  ),
  /**
   * Waits for agents' first call at a server: how far they got since a moment, as soon as that differs from `seen`, or when
   * `waitMs` is over.
   */
  'connect.wait': request(
    z.strictObject({
      server: serverName,
      since: instant,
      /** `key` of the answer before. */
      seen: z.string().max(4_096).optional(),
      waitMs: z.number().int().min(0).max(25_000).default(20_000),
    }),
    z.discriminatedUnion('state', [
      z.object({ state: z.literal('waiting'), key: z.string() }),
      z.object({ state: z.literal('called'), key: z.string(), agent: z.string(), what: z.string(), at: instant }),
      /** `why` may hold words of an outsider. */
      z.object({
        state: z.literal('stopped'),
        key: z.string(),
        hop: z.enum(hops),
        why: z.string(),
        hint: z.string().optional(),
        at: instant,
      }),
    ]),
  ),
} as const;
