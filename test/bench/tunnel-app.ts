/**
 * The app's end of the tunnel benchmark, in a process of its own: `tunnel-app.ts JOIN_LINE JOIN_LINE`. Serves one trivial handler
 * through two tunnels by the product's inner TLS, by raw TLS and by the WebSocket, and straight by node:https. Prints a ready line.
 */
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { joinEdge } from '../../electron/core/tunnel/connectors/enrol.ts';
import {
  createInnerTls,
  type InnerRequest,
  type InnerResponse,
} from '../../electron/core/tunnel/inner-tls/inner-tls.ts';
import { createAuthority } from '../../electron/core/tunnel/pki/authority.ts';
import { issueServerCertificate } from '../../electron/core/tunnel/pki/issue-certificate.ts';
import { connectorFor, startConnector } from '../fixtures/edge-harness.ts';

const small = JSON.stringify({ result: 'x'.repeat(418) });
const chunk = Buffer.alloc(65_536, 7);

/** `/small` answers 430 bytes, `/down?BYTES` sends that many, `/up` counts what comes. */
function handle(request: InnerRequest, response: InnerResponse): void {
  const answer = response as import('node:http').ServerResponse;
  const [path, count] = (request.url ?? '').split('?');
  if (path === '/down') {
    let left = Number(count);
    const pump = (): void => {
      while (left > 0) {
        left -= chunk.length;
        if (!answer.write(chunk)) {
          answer.once('drain', pump);
          return;
        }
      }
      answer.end();
    };
    pump();
    return;
  }
  request.resume();
  request.once('end', () => answer.end(small));
}

const joined = await joinEdge(process.argv[2] ?? '');
const carried = await joinEdge(process.argv[3] ?? '');
const { authority } = await createAuthority({ commonName: 'Bench', now: Date.now() });
const issued = await issueServerCertificate({
  authority,
  hosts: [joined.domain, carried.domain, 'localhost', '127.0.0.1'],
  now: Date.now(),
});
const innerTls = createInnerTls({
  certificate: {
    cert: issued.pem,
    key: issued.keyPem,
  },
  onRequest: handle,
  onFailure: () => undefined,
});
const direct = createServer({ cert: issued.pem, key: issued.keyPem }, handle);
direct.listen(0, '127.0.0.1');
const connector = connectorFor(joined);
await startConnector(connector, (stream, peer) => innerTls.accept(stream, peer));
// The carrier's own TLS is checked against the edge's CA, as a public one would be against the system's.
const carrier = connectorFor(carried, { transports: ['websocket'], carrierCa: carried.ca });
await startConnector(carrier, (stream, peer) => innerTls.accept(stream, peer));
console.log(
  JSON.stringify({
    direct: (direct.address() as AddressInfo).port,
    domain: joined.domain,
    carried: carried.domain,
    ca: authority.pem,
  }),
);
process.on('message', () => process.send?.(process.memoryUsage()));
