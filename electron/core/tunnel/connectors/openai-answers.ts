import type { Clock } from '../../../shared/clock.ts';

/** What is known of a command that came before. */
export type Seen =
  | { readonly state: 'new' }
  /** Its answer is not there yet; whoever asks is told it, too. */
  | { readonly state: 'running' }
  /** It ran; `body` is its answer, unless that was too much to keep. */
  | { readonly state: 'answered'; readonly body: Buffer | undefined };

/**
 * Commands by request id, so that one that is delivered again is answered again and never runs again. Kept 15 minutes
 * after the answer, which is longer than a command lives at the service.
 */
export interface AnsweredCommands {
  /** Notes a command as running, unless it is known already. */
  begin(requestId: string): Seen;
  /** It is over; `body` is what answers it, `undefined` where nothing could be said in time. */
  answered(requestId: string, body: Buffer | undefined): void;
  close(): void;
}

const keepMs = 15 * 60_000;
const maxBytes = 32 * 1024 * 1024;
const maxIds = 100_000;

/** Makes the table. Answers leave it before ids do: without one, a command still does not run twice. */
export function createAnsweredCommands(clock: Pick<Clock, 'monotonic'>): AnsweredCommands {
  const ids = new Map<string, { at: number | undefined; body: Buffer | undefined }>();
  let bytes = 0;
  const sweep = (): void => {
    const now = clock.monotonic();
    for (const [id, entry] of ids) {
      const old = entry.at !== undefined && now - entry.at > keepMs;
      if (!old && ids.size <= maxIds) break;
      if (entry.at === undefined) continue;
      bytes -= entry.body?.length ?? 0;
      ids.delete(id);
    }
    for (const entry of ids.values()) {
      if (bytes <= maxBytes) break;
      bytes -= entry.body?.length ?? 0;
      entry.body = undefined;
    }
  };
  return {
    begin(requestId) {
      const known = ids.get(requestId);
      if (!known) {
        sweep();
        ids.set(requestId, { at: undefined, body: undefined });
        return { state: 'new' };
      }
      return known.at === undefined ? { state: 'running' } : { state: 'answered', body: known.body };
    },
    answered(requestId, body) {
      // Moved to the end: the oldest answers are the first ones.
      ids.delete(requestId);
      ids.set(requestId, { at: clock.monotonic(), body });
      bytes += body?.length ?? 0;
      sweep();
    },
    close() {
      ids.clear();
      bytes = 0;
    },
  };
}
