import type { Clock } from '../../shared/clock.ts';
import { JsonNumber, JsonObject, memberAt } from '../../shared/json-tree.ts';
import type { UpstreamAnswer, UpstreamSession } from '../servers/upstream-session.ts';
import { envelopeKeys } from './era.ts';
import { codes, errorBody } from './protocol-errors.ts';

type Hear = (method: string, params: JsonObject | undefined) => void;

/** Hears of changes at a modern server, which says them only on streams that were asked for (`subscriptions/listen`). */
export interface ServerListening {
  /** Hears of changed lists as long as the conversation lasts; asks anew where the stream ends. */
  lists(session: UpstreamSession, hear: Hear): void;
  /** Hears of one resource until `signal` is aborted. @returns an error where the server does not take it */
  resource(session: UpstreamSession, uri: string, hear: Hear, signal: AbortSignal): Promise<UpstreamAnswer>;
}

const firstPauseMs = 1_000;
const longestPauseMs = 60_000;
/** How long a server may take to acknowledge. */
const acknowledgeMs = 30_000;
const kinds = ['tools', 'prompts', 'resources'] as const;

/** Makes it. */
export function createServerListening(clock: Clock): ServerListening {
  const listen = (
    session: UpstreamSession,
    filter: JsonObject,
    signal: AbortSignal,
    hear: Hear,
  ): Promise<UpstreamAnswer> =>
    session.request('subscriptions/listen', new JsonObject([['notifications', filter]]), {
      signal,
      timeoutMs: Number.POSITIVE_INFINITY,
      background: true,
      onNotification: (method, params) => hear(method, withoutTag(params)),
    });
  const pause = (milliseconds: number, signal: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      const stop = clock.schedule(milliseconds, resolve);
      signal.addEventListener('abort', () => {
        stop();
        resolve();
      });
    });

  return {
    lists(session, hear) {
      const changing = kinds.filter((kind) => memberAt(session.info.capabilities, kind, 'listChanged') === true);
      if (changing.length === 0) return;
      const filter = new JsonObject(changing.map((kind) => [`${kind}ListChanged`, true] as const));
      const over = new AbortController();
      session.onClose(() => over.abort());
      const keepOn = async (): Promise<void> => {
        for (let wait = firstPauseMs; !over.signal.aborted; wait = Math.min(wait * 2, longestPauseMs)) {
          const began = clock.monotonic();
          const answer = await listen(session, filter, over.signal, hear).catch(() => undefined);
          // A server that does not know the method will not learn it.
          if (answer && 'error' in answer) return;
          if (clock.monotonic() - began > longestPauseMs) wait = firstPauseMs;
          await pause(wait, over.signal);
        }
      };
      void keepOn();
    },
    resource(session, uri, hear, signal) {
      const { promise, resolve } = Promise.withResolvers<UpstreamAnswer>();
      const refused = { error: errorBody(codes.internal, 'The local server does not tell of this resource.') };
      const stopTimer = clock.schedule(acknowledgeMs, () => resolve(refused));
      const filter = new JsonObject([['resourceSubscriptions', [uri]]]);
      listen(session, filter, signal, (method, params) => {
        if (method === 'notifications/resources/updated') hear(method, params);
        if (method !== 'notifications/subscriptions/acknowledged') return;
        const taken = memberAt(params, 'notifications', 'resourceSubscriptions');
        resolve(Array.isArray(taken) && taken.includes(uri) ? { result: new JsonObject() } : refused);
      }).then(
        (answer) => resolve('error' in answer ? answer : refused),
        () => resolve(refused),
      );
      return promise.finally(stopTimer);
    },
  };
}

/** Notifications of such a stream name it; the name is this gateway's own. */
function withoutTag(params: JsonObject | undefined): JsonObject | undefined {
  const meta = params?.get('_meta');
  if (!(meta instanceof JsonObject) || !(meta.get(envelopeKeys.subscription) instanceof JsonNumber)) return params;
  const rest = meta.with(envelopeKeys.subscription, undefined);
  return params?.with('_meta', rest.members.size > 0 ? rest : undefined);
}
