import { createServer, type IncomingMessage } from 'node:http';
import { Agent, request as httpsRequest } from 'node:https';
import type { AddressInfo } from 'node:net';

/**
 * Stands at the client's side of the road for a client that can send no token: takes plain HTTP on loopback, adds the
 * token, and passes everything else on as it came, Host and Origin included.
 */
export async function openTokenShim(
  target: string,
  token: string,
  ca: string,
): Promise<{ readonly url: string; close(): Promise<void> }> {
  const { hostname, port, pathname } = new URL(target);
  const agent = new Agent({ keepAlive: true, ca, servername: hostname });
  const http = createServer((incoming, response) => {
    const headers: string[] = [];
    for (let at = 0; at < incoming.rawHeaders.length; at += 2) {
      headers.push(incoming.rawHeaders[at] ?? '', incoming.rawHeaders[at + 1] ?? '');
    }
    headers.push('Authorization', `Bearer ${token}`);
    const onward = httpsRequest(
      { agent, host: hostname, port, path: pathname, method: incoming.method, headers, setHost: false },
      (answer: IncomingMessage) => {
        response.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
        response.flushHeaders();
        answer.on('error', () => response.destroy());
        answer.on('aborted', () => response.destroy());
        answer.pipe(response);
      },
    );
    onward.on('error', () => response.destroy());
    response.on('error', () => onward.destroy());
    response.on('close', () => onward.destroy());
    incoming.pipe(onward);
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://localhost:${(http.address() as AddressInfo).port}${pathname}`,
    close: async () => {
      http.closeAllConnections();
      agent.destroy();
      await new Promise<void>((resolve) => http.close(() => resolve()));
    },
  };
}
