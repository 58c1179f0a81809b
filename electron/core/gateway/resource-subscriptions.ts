import { JsonObject } from '../../shared/json-tree.ts';
import type { Decided } from '../request-log/request-log.ts';
import type { UpstreamAnswer, UpstreamSession } from '../servers/upstream-session.ts';
import { followedBy } from './forward.ts';
import type { ServerListening } from './server-listening.ts';

type Hear = (method: string, params: JsonObject | undefined) => void;

/** Follows resources at servers of either era; several followers in one conversation share one subscription. */
export interface ResourceSubscriptions {
  /**
   * Begins to follow. @param decided must cover that resource. @param hear takes the updates of a modern server; those of a
   * legacy one come as notifications of the conversation
   * @returns how the server answered; `stop` ends it, where there is something to end
   */
  follow(
    decided: Decided,
    session: UpstreamSession,
    uri: string,
    hear: Hear,
  ): Promise<{ readonly answer: UpstreamAnswer; stop(): void }>;
}

interface Followed {
  followers: number;
  readonly begun: Promise<UpstreamAnswer>;
  stop(): void;
}

/** Makes them. */
export function createResourceSubscriptions(listening: ServerListening): ResourceSubscriptions {
  const all = new WeakMap<UpstreamSession, Map<string, Followed>>();

  const begin = (session: UpstreamSession, uri: string, hear: Hear): Followed => {
    if (session.info.era === 'modern') {
      const over = new AbortController();
      return {
        followers: 0,
        begun: listening.resource(session, uri, hear, over.signal),
        stop: () => over.abort(),
      };
    }
    const params = new JsonObject([['uri', uri]]);
    return {
      followers: 0,
      begun: session.request('resources/subscribe', params),
      // A server that is gone follows nothing any more.
      stop: () => void session.request('resources/unsubscribe', params).catch(() => {}),
    };
  };

  return {
    async follow(decided, session, uri, hear) {
      followedBy(decided, uri);
      const own = all.get(session) ?? new Map<string, Followed>();
      all.set(session, own);
      const followed = own.get(uri) ?? begin(session, uri, hear);
      own.set(uri, followed);
      followed.followers += 1;
      let following = true;
      const stop = (tell = true): void => {
        if (!following) return;
        following = false;
        followed.followers -= 1;
        if (followed.followers > 0) return;
        if (own.get(uri) === followed) own.delete(uri);
        if (tell) followed.stop();
      };
      try {
        const answer = await followed.begun;
        if ('error' in answer) stop(session.info.era === 'modern');
        return { answer, stop };
      } catch (thrown) {
        stop(session.info.era === 'modern');
        throw thrown;
      }
    },
  };
}
