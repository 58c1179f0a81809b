import { once } from 'node:events';
import type { RequestListener } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { GuardedFetchDeps } from '../../../electron/core/oauth/guarded-fetch.ts';
import { createAuthority } from '../../../electron/core/tunnel/pki/authority.ts';
import { issueServerCertificate } from '../../../electron/core/tunnel/pki/issue-certificate.ts';

/** Name of the server; only {@link DocumentServer.fetchDeps} knows where it is. */
export const documentHost = 'agent.example.com';

/** A website of an agent, with the metadata document of its client, over real TLS. */
export interface DocumentServer {
  readonly url: (path: string) => string;
  readonly fetchDeps: GuardedFetchDeps;
  /** Paths asked for, in order. */
  readonly asked: string[];
  close(): Promise<void>;
}

/** Starts it on loopback. @param answer what it answers; by default a good document at `/client.json` */
export async function startDocumentServer(answer?: RequestListener): Promise<DocumentServer> {
  const { authority } = await createAuthority({ commonName: 'document test', now: Date.now() });
  const { pem, keyPem } = await issueServerCertificate({ authority, hosts: [documentHost], now: Date.now() });
  const asked: string[] = [];
  const server = createServer({ cert: pem, key: keyPem }, (request, response) => {
    asked.push(request.url ?? '');
    if (answer) return answer(request, response);
    response.setHeader('content-type', 'application/json');
    response.setHeader('cache-control', 'max-age=600');
    response.end(
      JSON.stringify({
        client_id: `https://${documentHost}:${port}${request.url}`,
        client_name: 'Documented',
        redirect_uris: ['http://127.0.0.1:9/callback'],
        token_endpoint_auth_method: 'private_key_jwt',
        jwks_uri: 'https://169.254.169.254/keys',
        scope: 'tool:anything',
      }),
    );
  });
  server.on('clientError', (_error, socket) => socket.destroy());
  server.on('tlsClientError', () => {});
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const lookup = ((_name: string, _options: object, callback: (error: null, found: object[]) => void) =>
    callback(null, [{ address: '127.0.0.1', family: 4 }])) as unknown as NonNullable<GuardedFetchDeps['lookup']>;
  return {
    url: (path) => `https://${documentHost}:${port}${path}`,
    fetchDeps: { ca: authority.pem, lookup, allows: (address) => address === '127.0.0.1' },
    asked,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
