import type { RequestInput } from '../../shared/contract.ts';
import { SallyportError } from '../../shared/errors.ts';
import { writablePrograms } from '../../shared/programs.ts';
import type { Handlers } from '../fronts/dispatcher.ts';
import type { ResourceServer } from '../oauth/resource-server.ts';
import type { RequestLog } from '../request-log/request-log.ts';
import type { EntryWish, ProgramFiles } from '../servers/program-files/program-files.ts';
import type { ServerRegistry } from '../servers/server-registry.ts';
import type { Tunnel } from '../tunnel/tunnel.ts';
import { type AwaitCallDeps, awaitCall } from './await-call.ts';
import { sharedServer } from './shared-server.ts';

/** What the requests on connecting agents need of the stations. */
export interface ConnectHandlerDeps extends Omit<AwaitCallDeps, 'log'> {
  readonly registry: ServerRegistry;
  readonly programFiles: ProgramFiles;
  readonly resourceServer: Pick<ResourceServer, 'mint' | 'revoke'>;
  readonly tunnel: Pick<Tunnel, 'urlOf'>;
  readonly log: Pick<RequestLog, 'note' | 'list' | 'onRow'>;
}

/** Stands for the token in what is shown; the length of a real one, so that nothing moves. */
const shownToken = '…';
const tokenTtlMs = 90 * 86_400_000;

/** Requests on connecting agents. */
export function createConnectHandlers(
  deps: ConnectHandlerDeps,
): Pick<Handlers, 'connect.propose' | 'connect.write' | 'connect.wait'> {
  const { registry, programFiles, resourceServer, tunnel, log } = deps;

  const wishOf = (input: RequestInput<'connect.propose'>): EntryWish => {
    const { slug } = sharedServer(registry, input.server);
    return {
      program: input.program,
      slug,
      url: tunnel.urlOf(slug),
      ...(input.project === undefined ? {} : { project: input.project }),
      ...(input.token ? { token: shownToken } : {}),
    };
  };

  return {
    'connect.wait': async ({ server, since, seen, waitMs }) => {
      const { slug } = sharedServer(registry, server);
      return await awaitCall(deps, { server: slug, since, seen, waitMs });
    },

    'connect.propose': async (input) => {
      const wish = wishOf(input);
      const { lines, ...proposal } = await programFiles.propose(wish);
      return { server: wish.slug, ...proposal, lines: [...lines] };
    },

    'connect.write': async ({ digest, inRepository, ...input }, { front }) => {
      const wish = wishOf(input);
      const label = writablePrograms[wish.program];
      const { repository } = await programFiles.propose(wish);
      if (input.token && repository !== undefined && !inRepository) {
        throw new SallyportError('token_in_repository', 'app', `The file lies in the repository ${repository}.`, {
          hint: 'A token there may be published. Let the agent sign in instead, or say that you want it there.',
        });
      }
      const minted = input.token
        ? resourceServer.mint({ server: wish.slug, resource: wish.url, name: label, ttlMs: tokenTtlMs })
        : undefined;
      try {
        const { file, kept } = await programFiles.write(wish, digest, minted?.token);
        const message = `${label} was connected: its file ${file} names ${wish.slug} now${minted ? `, with token ${minted.id}` : ''}.`;
        log.note({ kind: 'authority', message, server: wish.slug, by: front });
        return {
          server: wish.slug,
          file,
          ...(kept === undefined ? {} : { kept }),
          ...(minted ? { token: minted.id } : {}),
        };
      } catch (error) {
        // Nobody holds a token that stands in no file.
        if (minted) resourceServer.revoke(minted.id);
        throw error;
      }
    },
  };
}
