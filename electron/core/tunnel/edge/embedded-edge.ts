import { randomBytes, X509Certificate } from 'node:crypto';
import type { Clock } from '../../../shared/clock.ts';
import { SallyportError } from '../../../shared/errors.ts';
import type { Connector } from '../connectors/connector.ts';
import { createConnectorIdentity } from '../connectors/connector-identity.ts';
import { createEdgeConnector } from '../connectors/edge-connector.ts';
import { createAuthority } from '../pki/authority.ts';
import { createCsr } from '../pki/certificate-request.ts';
import { embeddedLimits } from './admission.ts';
import { createEdge, type Edge } from './edge.ts';
import type { EdgeLog } from './edge-log.ts';
import { createMemoryEdgeStore } from './edge-store.ts';
import { edgeAlias } from './protocol.ts';
import type { Observe } from './relay.ts';

/** The domain of the embedded edge's only tunnel. */
export const embeddedDomain = 'localhost';

/** What the embedded edge is made of. */
export interface EmbeddedEdgeDeps {
  /** Loopback port of the public door and of the connector; 0 for any free one. */
  readonly port: number;
  readonly clock: Clock;
  readonly log?: EdgeLog;
  /** Sees what passes the edge; see `EdgeDeps.observe`. */
  readonly observe?: Observe;
}

/** An edge inside the app and the connector that dials it. */
export interface EmbeddedEdge {
  readonly edge: Edge;
  readonly port: number;
  readonly domain: string;
  readonly connector: Connector;
  /** Drains the connector, then ends the edge. */
  close(graceMs?: number): Promise<void>;
}

/**
 * The default way in: the same edge and the same connector as on a server, joined over real loopback sockets with mutual
 * TLS. Its CA and the connector's certificate are made anew at each start and live in memory alone: nobody else ever trusts
 * them. Binds 127.0.0.1, and ::1 where the machine has it.
 * @throws SallyportError `port_in_use` at hop `edge`
 */
export async function createEmbeddedEdge(deps: EmbeddedEdgeDeps): Promise<EmbeddedEdge> {
  const { clock } = deps;
  const now = clock.now();
  const { authority } = await createAuthority({ commonName: 'Sallyport embedded edge', now });
  const store = createMemoryEdgeStore();
  const edge = await createEdge({
    name: edgeAlias,
    authority,
    store,
    clock,
    limits: embeddedLimits,
    ...(deps.log ? { log: deps.log } : {}),
    ...(deps.observe ? { observe: deps.observe } : {}),
  });
  const port = await edge.listen({ hosts: ['127.0.0.1', '::1'], port: deps.port });
  const { token } = await edge.enrolment.invite({ domain: embeddedDomain });
  const { csrPem, keyPem } = await createCsr();
  const enrolled = await edge.enrolment.enrol(token, csrPem);
  // An app that is left running for months renews here as well, straight at its own edge.
  const identity = createConnectorIdentity({
    first: { certificate: enrolled.certificate, key: keyPem },
    clock,
    renew: async ({ certificate }) => {
      const record = await store.client(new X509Certificate(certificate).serialNumber.toLowerCase());
      if (!record)
        throw new SallyportError('renewal_refused', 'edge', 'The embedded edge does not know its connector.');
      const next = await createCsr();
      const renewed = await edge.enrolment.renew(record, next.csrPem);
      return { certificate: renewed.certificate, key: next.keyPem };
    },
    store: async () => undefined,
    onRenewed: () => void connector.renewConnections(),
    onTrouble: (error) => deps.log?.({ event: 'error', reason: error.message }),
  });
  const connector = createEdgeConnector({
    address: { host: '127.0.0.1', port, caPin: authority.pin },
    domain: enrolled.domain,
    identity: identity.current,
    ca: enrolled.ca,
    clock,
    random: () => randomBytes(4).readUInt32BE() / 2 ** 32,
    connections: 1,
    transports: ['tls'],
    label: 'embedded',
  });
  return {
    edge,
    port,
    domain: enrolled.domain,
    connector,
    async close(graceMs) {
      identity.close();
      await connector.stop(graceMs);
      await edge.close(0);
    },
  };
}
