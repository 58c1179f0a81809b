import { SallyportError } from '../../shared/errors.ts';
import type { ServerRegistry } from '../servers/server-registry.ts';
import type { ServerRecord } from '../servers/servers.ts';

/** The server of that name. @throws SallyportError `server_not_found`; `server_not_shared` at hop `oauth` */
export function sharedServer(registry: ServerRegistry, name: string): ServerRecord {
  const record = registry.find(name);
  if (record.shared) return record;
  throw new SallyportError('server_not_shared', 'oauth', `${record.name} is not shared.`, {
    hint: `Share it first: sallyport servers share ${record.slug}`,
  });
}
