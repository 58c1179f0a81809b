import { SallyportError } from '../../shared/errors.ts';
import type { ServerRecord } from '../servers/servers.ts';

/**
 * Whether a server is kept from a way whose middle reads: its results were marked private, and the person has not said in a second
 * step that it is to be offered there all the same.
 */
export function isWithheld(record: Pick<ServerRecord, 'private' | 'offeredReadable'>): boolean {
  return record.private === true && record.offeredReadable !== true;
}

/** @throws SallyportError `private_on_readable_way`, naming the second step */
export function refuseWithheld(record: ServerRecord): void {
  if (!isWithheld(record)) return;
  throw new SallyportError(
    'private_on_readable_way',
    'app',
    `The results of ${record.name} are marked private, and OpenAI reads everything that passes this way.`,
    {
      hint: `To offer it there all the same: sallyport servers private ${record.slug} on --readable. Or choose another way in.`,
    },
  );
}
