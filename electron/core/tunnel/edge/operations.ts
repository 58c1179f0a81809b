import { createServer } from 'node:http';
import { SallyportError } from '../../../shared/errors.ts';
import type { EdgeStatus } from './edge.ts';

/** What an edge tells whoever runs it, on loopback alone. */
export interface Operations {
  readonly port: number;
  close(): void;
}

/** What {@link listenOperations} serves. */
export interface OperationsDeps {
  readonly status: () => EdgeStatus;
  /** Metrics in Prometheus' text format. */
  readonly metrics: () => string;
  /** Whether new connections are taken: false from the first signal on. */
  readonly ready: () => boolean;
}

/**
 * Serves `/healthz` (the process lives), `/readyz` (200, or 503 while it drains) and `/metrics` on 127.0.0.1.
 * @param port 0 for any free one @throws SallyportError `port_in_use`, `listen_failed` at hop `edge`
 */
export function listenOperations(port: number, deps: OperationsDeps): Promise<Operations> {
  const answers: Readonly<Record<string, () => [status: number, type: string, body: string]>> = {
    '/healthz': () => {
      const { tunnels, open } = deps.status();
      const connections = tunnels.reduce((sum, tunnel) => sum + tunnel.connections.length, 0);
      return [200, json, `${JSON.stringify({ ok: true, tunnels: tunnels.length, connections, open })}\n`];
    },
    '/readyz': () => {
      const ready = deps.ready();
      return [ready ? 200 : 503, json, `${JSON.stringify({ ready })}\n`];
    },
    '/metrics': () => [200, 'text/plain; version=0.0.4; charset=utf-8', deps.metrics()],
  };
  const server = createServer((request, response) => {
    const answer = request.method === 'GET' ? answers[request.url ?? ''] : undefined;
    if (!answer) {
      response.writeHead(404).end();
      return;
    }
    const [status, type, body] = answer();
    response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' }).end(body);
  });
  return new Promise((settle, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(
        new SallyportError(
          error.code === 'EADDRINUSE' ? 'port_in_use' : 'listen_failed',
          'edge',
          `The operations port ${port} on 127.0.0.1 cannot be bound (${error.code}).`,
          { hint: 'Set "operations" in the configuration to another port, or to "off".' },
        ),
      ),
    );
    server.listen(port, '127.0.0.1', () => {
      const address = server.address();
      server.on('error', () => undefined);
      settle({
        port: typeof address === 'object' && address ? address.port : port,
        close() {
          server.close();
          server.closeAllConnections();
        },
      });
    });
  });
}

const json = 'application/json';
