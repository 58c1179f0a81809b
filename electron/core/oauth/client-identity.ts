import { type ClientMetadata, isLoopback } from './client-metadata.ts';
import { knownClients } from './known-clients.ts';

/** Who a client is, as far as that can be told. */
export interface ClientIdentity {
  /** The agent that it counts as (`design.md` §4): its grants share prompts, labels and remembered answers. */
  readonly agent: string;
  /** As people see it. An outsider's text unless {@link verified}. */
  readonly name: string;
  /** Whether the name is backed by a domain: a built-in record, a metadata document, or where codes are sent. */
  readonly verified: boolean;
  /** That domain; absent where there is none. */
  readonly host?: string;
}

/** Tells who a client is: known record, else document host, else redirect host, else the name that it gave. */
export function identify(client: ClientMetadata): ClientIdentity {
  const known =
    knownClients.find((one) => one.metadata.client_id === client.client_id) ??
    knownClients.find((one) => one.metadata.application_type === 'web' && goesOnlyTo(client, one.metadata));
  if (known) return { agent: known.agent, name: known.metadata.client_name, verified: true, host: known.host };
  const document = client.client_id.startsWith('https://') ? URL.parse(client.client_id)?.hostname : undefined;
  if (document) {
    return { agent: `client:${document}`, name: `${client.client_name} (${document})`, verified: true, host: document };
  }
  const hosts = new Set(client.redirect_uris.map((uri) => URL.parse(uri)?.hostname ?? ''));
  const [host] = hosts;
  if (client.application_type === 'web' && hosts.size === 1 && host) {
    return { agent: `client:${host}`, name: client.client_name, verified: false, host };
  }
  return {
    agent: `client:local:${client.client_name.toLowerCase().slice(0, 80)}`,
    name: client.client_name,
    verified: false,
  };
}

/** Where a redirect leads, in a word that people can judge. */
export function redirectHost(uri: string): string {
  if (isLoopback(uri)) return 'this machine';
  const url = URL.parse(uri);
  return url?.protocol === 'https:' ? url.host : (url?.protocol ?? 'unknown');
}

function goesOnlyTo(client: ClientMetadata, known: ClientMetadata): boolean {
  return client.redirect_uris.every((uri) => known.redirect_uris.includes(uri));
}
