import * as z from 'zod';
import { writableProgramIds } from '../programs.ts';
import { slug } from '../views.ts';
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
} as const;
