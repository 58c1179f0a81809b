import { extractWWWAuthenticateParams } from '@modelcontextprotocol/client';
import { serializeJson } from '../../../shared/json-tree.ts';
import type { Secrets } from '../../secrets/secrets.ts';
import { type ClientIdentity, initializeParams } from '../era.ts';
import { exchange, httpOrigin } from '../http/http-exchange.ts';
import { ownHeaders } from '../http/own-headers.ts';
import type { AddressPin } from '../http/upstream-address.ts';
import { requestMessage } from '../json-rpc.ts';
import type { ServerRecord } from '../servers.ts';

/** What a server's 401 or 403 says of the sign-in that it wants (RFC 6750 §3, RFC 9728 §5.1). */
export interface Challenge {
  /** Where it describes itself. */
  readonly resourceMetadata?: string;
  readonly scope?: string;
  readonly error?: string;
}

/** Longest header that is read. */
const maxHeader = 4_096;

/** Reads `WWW-Authenticate`; what cannot be understood is left out. */
export function readChallenge(header: string | undefined): Challenge {
  if (header === undefined || header.length > maxHeader) return {};
  const read = extractWWWAuthenticateParams(new Response(null, { headers: { 'www-authenticate': header } }));
  return {
    ...(read.resourceMetadataUrl ? { resourceMetadata: read.resourceMetadataUrl.href } : {}),
    ...(read.scope === undefined ? {} : { scope: read.scope }),
    ...(read.error === undefined ? {} : { error: read.error }),
  };
}

/**
 * Asks a server without any token, to hear what it wants.
 * @returns its challenge, undefined where it wants nothing
 * @throws ServerFailure `server_unreachable`
 */
export async function askChallenge(
  record: ServerRecord,
  deps: {
    readonly secrets: Pick<Secrets, 'get'>;
    readonly client: ClientIdentity;
    readonly lookup?: AddressPin['lookup'];
    readonly onReach: NonNullable<AddressPin['onReach']>;
  },
): Promise<Challenge | undefined> {
  if (record.target.kind !== 'http') return undefined;
  const { url, ca } = record.target;
  const { lookup, onReach } = deps;
  const headers = await ownHeaders(record, deps.secrets);
  const origin = httpOrigin(url, record.name, { headers, ca, reach: record.reach, lookup, onReach });
  try {
    const response = await exchange(origin, {
      method: 'POST',
      headers: { accept: 'application/json, text/event-stream', 'content-type': 'application/json' },
      body: serializeJson(requestMessage(1, 'initialize', initializeParams(deps.client))),
      signal: AbortSignal.timeout(10_000),
    });
    response.destroy();
    return response.statusCode === 401 ? readChallenge(response.headers['www-authenticate']) : undefined;
  } finally {
    origin.agent.destroy();
  }
}
