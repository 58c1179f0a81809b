import { join } from 'node:path';
import * as z from 'zod';
import type { Clock } from '../../shared/clock.ts';
import { asSallyportError, SallyportError } from '../../shared/errors.ts';
import { approvalDurations, approvalScopes, instant, slug } from '../../shared/views.ts';
import { createDocumentFile } from '../state/document-file.ts';

/**
 * An answer that is remembered, bound to agent, server, tool and pin. With scope `call` it answers the very same call
 * (digest), with `arguments` the same arguments, with `tool` any arguments.
 */
export const rememberedAnswer = z.strictObject({
  id: z.string().min(1),
  agent: z.strictObject({ id: z.string(), name: z.string() }),
  server: slug,
  tool: z.string(),
  pin: z.string().optional(),
  effect: z.enum(['allow', 'deny']),
  scope: z.enum(approvalScopes),
  duration: z.enum(approvalDurations),
  /** Digest of the call that was answered. */
  digest: z.string(),
  /** Canonical JSON of its arguments. */
  canonicalArguments: z.string(),
  /** The arguments as they were shown. */
  argumentsText: z.string(),
  reason: z.string().optional(),
  /** For `session`: the agent session it ends with. */
  agentSession: z.string().optional(),
  at: instant,
  until: instant.optional(),
  used: z.number().int().nonnegative(),
});
/** See {@link rememberedAnswer}. */
export type RememberedAnswer = z.infer<typeof rememberedAnswer>;

/** Where answers remembered for `always` are kept. */
export interface RememberedStore {
  /** Never throws: a record that is lost remembers nothing, so that the person is asked again. */
  load(): readonly RememberedAnswer[];
  /** @throws SallyportError `remembered_unwritable` at hop `approval`; nothing is changed then */
  save(answers: readonly RememberedAnswer[]): void;
}

const schemaVersion = 1;
const rememberedFile = z.strictObject({ schemaVersion: z.literal(schemaVersion), answers: z.array(rememberedAnswer) });

/** Keeps them in `<data>/remembered.json`. */
export function createRememberedFile(options: {
  readonly dataFolder: string;
  readonly clock: Pick<Clock, 'now'>;
  /** Told when the file cannot be used: damaged (kept aside), newer, or unreadable. */
  readonly onTrouble?: (error: SallyportError) => void;
}): RememberedStore {
  const path = join(options.dataFolder, 'remembered.json');
  const file = createDocumentFile({ path, schemaVersion, schema: rememberedFile, clock: options.clock });
  let newer = false;
  const trouble = (why: string): void => {
    const message = `The answers remembered for always cannot be used: ${why}. You will be asked again.`;
    options.onTrouble?.(new SallyportError('remembered_unreadable', 'approval', message));
  };
  return {
    load() {
      try {
        const found = file.read();
        newer = found.kind === 'newer';
        if (found.kind === 'newer') trouble('a newer version of Sallyport wrote them');
        if (found.kind === 'corrupt') trouble('their file was damaged and kept aside');
        return found.kind === 'ok' ? found.data.answers : [];
      } catch (error) {
        trouble(asSallyportError(error, 'approval').message);
        return [];
      }
    },
    save(answers) {
      if (newer) {
        throw new SallyportError(
          'remembered_unwritable',
          'approval',
          'A newer version of Sallyport wrote the remembered answers.',
          {
            hint: 'Answer for this session instead, or start the newer version.',
          },
        );
      }
      try {
        file.write({ schemaVersion, answers: [...answers] });
      } catch (error) {
        const message = asSallyportError(error, 'approval').message;
        throw new SallyportError('remembered_unwritable', 'approval', `The answer could not be stored: ${message}`, {
          hint: 'Check that the data folder is writable and has room, or answer for this session.',
          cause: error,
        });
      }
    },
  };
}
