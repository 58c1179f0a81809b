import type { Handlers } from '../fronts/dispatcher.ts';
import type { Gateway } from '../gateway/gateway.ts';
import { asUsual } from '../policy/mask-result.ts';
import type { RequestLog } from '../request-log/request-log.ts';
import type { ServerRegistry } from '../servers/server-registry.ts';

/** What the requests on results need. */
export interface ResultHandlerDeps {
  readonly masked: Gateway['maskedResults'];
  readonly registry: Pick<ServerRegistry, 'find' | 'setResults'>;
  readonly log: Pick<RequestLog, 'note'>;
}

/** Requests on what is done with results, and on originals of masked ones. */
export function createResultHandlers(
  deps: ResultHandlerDeps,
): Pick<Handlers, 'servers.results' | 'results.list' | 'results.reveal' | 'results.send'> {
  const { masked, registry, log } = deps;
  return {
    'servers.results': async ({ server, secrets, unseen }, { front }) => {
      const { slug, name, results = asUsual } = registry.find(server);
      const next = { secrets: secrets ?? results.secrets, unseen: unseen ?? results.unseen };
      registry.setResults(slug, next);
      const said = `${next.secrets === 'mask' ? 'masked' : 'passed on'}; unseen characters are ${next.unseen === 'remove' ? 'taken out' : 'reported'}`;
      log.note({ kind: 'authority', server: slug, message: `Secrets in results of ${name} are ${said}.`, by: front });
      return { server: slug, ...next };
    },
    'results.list': async () => ({
      results: masked.list().map(({ id, at, until, call, kinds, withheld }) => ({
        id,
        at,
        until,
        agent: call.agent,
        server: call.server,
        tool: call.name ?? call.method,
        kinds: [...kinds],
        withheld,
      })),
    }),
    'results.reveal': async ({ id }, { front }) => {
      const { text, kinds } = masked.reveal(id);
      log.note({ kind: 'authority', message: `The original result of ${id} was looked at.`, by: front });
      return { id, text, kinds: [...kinds] };
    },
    'results.send': async ({ id }, { front }) => {
      const { call, kinds } = masked.send(id);
      const message = `${call.agent.name} may have the result of ${id} with ${kinds.join(' and ')}, once.`;
      log.note({ kind: 'authority', server: call.server, message, by: front });
      return { id };
    },
  };
}
