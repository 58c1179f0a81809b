import { statSync } from 'node:fs';
import { isAbsolute, normalize } from 'node:path';
import { SallyportError } from '../../shared/errors.ts';
import type { Handlers } from '../fronts/dispatcher.ts';
import type { RequestLog } from '../request-log/request-log.ts';
import type { ServerRegistry } from '../servers/server-registry.ts';
import type { Servers } from '../servers/servers.ts';
import { type IsolationSupport, opensKeptOut } from '../servers/stdio/isolation.ts';

/** Requests that wall servers in. */
export function createIsolationHandlers(deps: {
  readonly registry: ServerRegistry;
  readonly servers: Pick<Servers, 'stop'>;
  readonly log: Pick<RequestLog, 'note'>;
  readonly support: () => Promise<IsolationSupport>;
  /** Folders that no server may be given: the data folder. */
  readonly keptOut: readonly string[];
}): Pick<Handlers, 'servers.isolate' | 'servers.isolation'> {
  const { registry, servers, log } = deps;

  const checkFolder = (folder: string): string => {
    const bad = (why: string): never => {
      throw new SallyportError('bad_server', 'app', `The folder ${JSON.stringify(folder)} ${why}.`, {
        hint: 'Name folders that are there by their whole path.',
      });
    };
    if (!isAbsolute(folder)) bad('is not a whole path');
    if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) bad('is not there');
    if (opensKeptOut(folder, deps.keptOut)) bad("would open Sallyport's own folder to the server");
    return normalize(folder);
  };

  return {
    'servers.isolation': async () => {
      const support = await deps.support();
      return support.ok ? { ok: true } : support;
    },
    'servers.isolate': async ({ server, isolation: wanted }, { front }) => {
      const { slug, name } = registry.find(server);
      const isolation = wanted && {
        ...wanted,
        read: wanted.read.map(checkFolder),
        write: wanted.write.map(checkFolder),
      };
      if (isolation && !isolation.environmentOnly) {
        const support = await deps.support();
        if (!support.ok)
          throw new SallyportError('isolation_unavailable', 'server', support.why, { hint: support.hint });
      }
      registry.setIsolation(slug, isolation);
      await servers.stop(slug);
      const message = !isolation
        ? `${name} is no longer isolated: it may do whatever you may.`
        : isolation.environmentOnly
          ? `${name} runs with a reduced environment, and otherwise may do whatever you may.`
          : `${name} runs isolated: reads ${listed(isolation.read)}, writes ${listed(isolation.write)}, ${isolation.network ? 'with' : 'without'} network.`;
      log.note({ kind: 'authority', message, server: slug, by: front });
      return { server: slug, ...(isolation ? { isolation } : {}) };
    },
  };
}

function listed(folders: readonly string[]): string {
  return folders.length === 0 ? 'nothing' : folders.join(', ');
}
