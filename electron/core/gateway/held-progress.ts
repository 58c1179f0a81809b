import type { Clock } from '../../shared/clock.ts';
import { type JsonNode, JsonNumber, JsonObject, memberAt } from '../../shared/json-tree.ts';
import { notification } from './protocol-errors.ts';
import type { Reply } from './reply.ts';
import { isId } from './rpc-message.ts';

/** Progress of one call: ours while a person is asked, then the server's. */
export interface HeldProgress {
  /** Tells the client from time to time that somebody was asked, until {@link stop}: its time-out starts anew. */
  start(): void;
  stop(): void;
  /** Whether a notification of the server may go on: progress must only ever rise (MCP, Progress). */
  passes(method: string, params: JsonObject | undefined): boolean;
}

const everyMs = 10_000;

/** Makes it. Does nothing where the client gave no progress token. */
export function createHeldProgress(params: JsonObject | undefined, reply: Reply, clock: Clock): HeldProgress {
  const token: JsonNode | undefined = memberAt(params, '_meta', 'progressToken');
  let count = 0;
  let stopTimer: () => void = () => {};
  // Millionths, so that any real progress that follows is above.
  const value = (): number => count / 1_000_000;
  const tell = (): void => {
    if (!isId(token)) return;
    count += 1;
    reply.notify(
      notification(
        'notifications/progress',
        new JsonObject([
          ['progressToken', token],
          ['progress', new JsonNumber(value().toFixed(6))],
          ['message', 'Waiting for a person to allow this call'],
        ]),
      ),
    );
    stopTimer = clock.schedule(everyMs, tell);
  };
  return {
    start: tell,
    stop: () => stopTimer(),
    passes(method, server) {
      if (method !== 'notifications/progress' || count === 0) return true;
      const progress = memberAt(server, 'progress');
      return !(progress instanceof JsonNumber) || progress.value > value();
    },
  };
}
