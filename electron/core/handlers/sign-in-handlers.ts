import { SallyportError } from '../../shared/errors.ts';
import type { Handlers } from '../fronts/dispatcher.ts';
import type { RequestLog } from '../request-log/request-log.ts';
import type { ServerRegistry } from '../servers/server-registry.ts';
import type { ServerRecord, Servers } from '../servers/servers.ts';
import type { SignIns } from '../servers/sign-in/sign-ins.ts';

/** What the requests on sign-ins at servers need of the stations. */
export interface SignInHandlerDeps {
  readonly registry: Pick<ServerRegistry, 'find'>;
  readonly servers: Pick<Servers, 'stop'>;
  readonly signIns: SignIns;
  readonly log: Pick<RequestLog, 'note'>;
  /** Opens a page in the person's browser, where this front cannot do so by itself. */
  readonly openPage: (url: string) => void;
}

/** Requests on Sallyport's own sign-ins at servers that want one. */
export function createSignInHandlers(
  deps: SignInHandlerDeps,
): Pick<Handlers, 'servers.authorize' | 'servers.authorized' | 'servers.signOut'> {
  const { registry, signIns, log } = deps;
  const find = (server: string): ServerRecord => {
    const record = registry.find(server);
    if (record.target.kind === 'http') return record;
    throw new SallyportError('authorization_not_offered', 'server', `${record.name} runs on this machine.`, {
      hint: 'Only servers with a URL have a sign-in.',
    });
  };
  return {
    'servers.authorize': async ({ server, agree, ...client }, { front }) => {
      const record = find(server);
      if (agree === undefined) return await signIns.propose(record, client);
      const page = await signIns.begin(record, agree);
      const message = `Signing in to ${record.name} was begun.`;
      log.note({ kind: 'authority', message, server: record.slug, by: front });
      if (front === 'window') deps.openPage(page.url);
      return page;
    },
    'servers.authorized': async ({ server }) => {
      const { slug } = find(server);
      return { server: slug, ...(await signIns.wait(slug)) };
    },
    'servers.signOut': async ({ server }, { front }) => {
      const record = find(server);
      await deps.servers.stop(record.slug);
      await signIns.forget(record);
      const message = `Sallyport is signed out of ${record.name}.`;
      log.note({ kind: 'authority', message, server: record.slug, by: front });
      return { server: record.slug };
    },
  };
}
