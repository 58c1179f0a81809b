import type { Handlers } from '../fronts/dispatcher.ts';
import type { Oauth } from '../oauth/create-oauth.ts';
import type { RequestLog } from '../request-log/request-log.ts';

/** What the requests on letting agents in need of the stations. */
export interface ConsentHandlerDeps {
  readonly oauth: Pick<Oauth, 'consents' | 'narrow' | 'rename'>;
  readonly log: Pick<RequestLog, 'note'>;
}

/** Requests on OAuth consent and *Let an agent in*. */
export function createConsentHandlers(
  deps: ConsentHandlerDeps,
): Pick<
  Handlers,
  'agents.letIn' | 'agents.unblock' | 'agents.rename' | 'agents.narrow' | 'consents.list' | 'consents.answer'
> {
  const { log } = deps;
  const { consents, narrow, rename } = deps.oauth;
  return {
    'agents.letIn': async ({ forMs }, { front }) => {
      const door = consents.letIn(forMs);
      const message = forMs > 0 ? `One new agent may ask until ${door.openUntil}.` : 'No new agent may ask any more.';
      log.note({ kind: 'authority', message, by: front });
      return door;
    },
    'agents.unblock': async ({ id }, { front }) => {
      const door = consents.unblock(id);
      log.note({ kind: 'authority', message: `${id} may ask again.`, by: front });
      return door;
    },
    'agents.rename': async ({ id, name }, { front }) => {
      const renamed = rename(id, name);
      log.note({ kind: 'authority', message: `${renamed.before} is called ${name} from now on.`, by: front });
      return { id: renamed.id, name };
    },
    'agents.narrow': async ({ id, tools }, { front }) => {
      const narrowed = narrow(id, tools);
      log.note({ kind: 'authority', message: `Grant ${id} narrowed to ${narrowed.scope}.`, by: front });
      return narrowed;
    },
    'consents.list': async () => ({ consents: [...consents.list()], door: consents.door() }),
    'consents.answer': async ({ id, answer, tools }, { front }) => ({
      id,
      answer,
      ...consents.answer(id, answer, tools, front),
    }),
  };
}
