import type { Secrets } from '../../secrets/secrets.ts';
import { ServerFailure } from '../failure.ts';
import { headerSecret } from '../server-registry.ts';
import type { ServerRecord } from '../servers.ts';

/** Headers of an HTTP server from secrets. @throws ServerFailure `server_not_ready` naming one without a stored value */
export async function ownHeaders(record: ServerRecord, secrets: Pick<Secrets, 'get'>): Promise<Record<string, string>> {
  const headers: Record<string, string> = {};
  const names = record.target.kind === 'http' ? (record.target.headers ?? []) : [];
  for (const name of names) {
    const value = await secrets.get(headerSecret(record.slug, name));
    if (value === undefined) {
      throw new ServerFailure(
        'server_not_ready',
        'crashed',
        `${record.name} needs the header ${name}, and no value is stored for it.`,
        { hint: 'Remove the server and add it again with that header.' },
      );
    }
    headers[name.toLowerCase()] = value;
  }
  return headers;
}
