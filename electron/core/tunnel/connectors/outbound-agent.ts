import * as http from 'node:http';
import * as https from 'node:https';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import * as tls from 'node:tls';
import type { Clock } from '../../../shared/clock.ts';
import { SallyportError } from '../../../shared/errors.ts';
import { type Network, rootsWith } from './network.ts';
import { connectThroughProxy } from './proxy.ts';

/** A proxy that does not open the way in this time is given up, in milliseconds. */
const connectMs = 15_000;

/**
 * The connections to a control plane: kept alive, by the HTTP proxy that the environment names, and trusting its CAs besides the
 * system's. The proxy sees TLS to the service; a network that inspects TLS, whose CA the person named, sees what passes.
 * @param base an https origin, or http on this machine, which no proxy reaches
 */
export function createOutboundAgent(base: URL, network: Network, clock: Pick<Clock, 'schedule'>): http.Agent {
  if (base.protocol !== 'https:') return new http.Agent({ keepAlive: true });
  const host = base.hostname.replace(/^\[|\]$/g, '');
  const target = { host, port: Number(base.port) || 443 };
  const ca = rootsWith(network.extraCa);
  // Made once: hundreds of certificates are not to be read again for each connection.
  const secureContext = tls.createSecureContext({ ca });
  const agent = new https.Agent({ keepAlive: true, secureContext });
  const direct = agent.createConnection.bind(agent);
  agent.createConnection = (options, callback): Duplex | null | undefined => {
    let proxy: ReturnType<Network['proxyFor']>;
    try {
      proxy = network.proxyFor(target);
    } catch (thrown) {
      // Told like any other failure to connect.
      queueMicrotask(() => callback?.(thrown as Error, undefined as unknown as Duplex));
      return undefined;
    }
    if (!proxy) return direct(options, callback);
    const opened: { destroy(): void }[] = [];
    const stopTimer = clock.schedule(connectMs, () => {
      for (const one of opened) one.destroy();
    });
    connectThroughProxy(proxy, target, { ca, onSocket: (one) => opened.push(one) }).then(
      (socket: Socket) => {
        // The names that the service's certificate must hold are the agent's affair: it gives them as options.
        const secured = tls.connect({ ...(options as tls.ConnectionOptions), socket });
        const failed = (error: Error): void => callback?.(error, secured);
        secured.once('error', failed);
        secured.once('secureConnect', () => {
          stopTimer();
          secured.removeListener('error', failed);
          callback?.(null, secured);
        });
      },
      (error: Error) => callback?.(error, undefined as unknown as Duplex),
    );
    return undefined;
  };
  return agent;
}

/** Words for why a connection could not be made, where a person can mend it; `undefined` for all else. */
export function wayOutProblem(error: NodeJS.ErrnoException, host: string): SallyportError | undefined {
  if (error instanceof SallyportError) return error;
  if (!/CERT|SIGNED|SIGNATURE|ISSUER|ALTNAME/.test(error.code ?? '')) return undefined;
  return new SallyportError(
    'openai_untrusted',
    'edge',
    `${host} shows a certificate that is not trusted (${error.code}).`,
    {
      hint: 'Does this network inspect TLS? Then name its CA in SALLYPORT_CA_FILE, a file in PEM.',
    },
  );
}
