/**
 * The demo's tunnel edge, in a process of its own: the product's edge with a tap on the bytes that it relays, behind its
 * own outer TLS. `edge-process.ts FOLDER PLANTED…`: prints a ready line with a join line, and its tap on SIGTERM.
 */
import { once } from 'node:events';
import { systemClock } from '../../electron/core/state/system-clock.ts';
import { createEdge } from '../../electron/core/tunnel/edge/edge.ts';
import { createMemoryEdgeStore } from '../../electron/core/tunnel/edge/edge-store.ts';
import { formatJoinLine } from '../../electron/core/tunnel/edge/join-line.ts';
import { createAuthority } from '../../electron/core/tunnel/pki/authority.ts';
import { createTap } from '../byte-tap.ts';

const tap = createTap(process.argv.slice(2));
const log: object[] = [];
const { authority } = await createAuthority({ commonName: 'Demo edge', now: Date.now() });
const edge = await createEdge({
  name: 'edge.localhost',
  authority,
  store: createMemoryEdgeStore(),
  clock: systemClock,
  log: (event) => log.push(event),
  observe: tap.note,
});
const port = await edge.listen({ hosts: ['127.0.0.1'], port: 0 });
const { token } = await edge.enrolment.invite({ domain: 'demo.localhost' });
console.log(JSON.stringify({ join: formatJoinLine({ host: '127.0.0.1', port, caPin: authority.pin, token }) }));
await once(process, 'SIGTERM');
await edge.close(1_000);
const seen = tap.report();
const logged = JSON.stringify(log);
const found = [...seen.found, ...process.argv.slice(2).filter((text) => logged.includes(text))];
console.log(JSON.stringify({ ...seen, found, log: log.slice(0, 50) }));
