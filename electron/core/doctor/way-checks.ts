import { lookup } from 'node:dns/promises';
import { readFile } from 'node:fs/promises';
import { request } from 'node:http';
import { connect, isIP } from 'node:net';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import type { Clock } from '../../shared/clock.ts';
import { asSallyportError, type SallyportError } from '../../shared/errors.ts';
import { dialEdge, serverNameOf, type Transport } from '../tunnel/connectors/edge-dialer.ts';
import { addressOf } from '../tunnel/connectors/edge-trust.ts';
import type { Network } from '../tunnel/connectors/network.ts';
import { bad, type Check, good } from './check.ts';
import { failure, hidden, plain, words } from './words.ts';

/** Time for each step of the way, in milliseconds. */
const stepMs = 5_000;

/** A clock that is off by more than this makes certificates fail sooner or later, in milliseconds. */
const toleratedSkewMs = 60_000;

/** The edge that settings name. */
export interface EdgeFacts {
  readonly host: string;
  readonly port: number;
  readonly caPin: string;
  readonly caPins?: readonly string[] | undefined;
  readonly domain: string;
}

/** Where something answers, or should. */
export type Place = Pick<EdgeFacts, 'host' | 'port'>;

/** What meeting an edge showed. */
export interface Meeting {
  readonly transport?: Transport;
  /** The edge's clock minus ours, in milliseconds. */
  readonly skewMs?: number;
  readonly error?: SallyportError;
}

/** Which proxy and CAs are used on the way out, and who named them: settings go before the environment. */
export async function checkProxy(
  edge: Place,
  open: () => Promise<Network>,
): Promise<{ check: Check; network: Network | undefined }> {
  try {
    const network = await open();
    const proxy = network.proxyFor(edge);
    const own = network.caFrom
      ? words`; own CAs are trusted for the outer way, from ${sourceWords[network.caFrom]}`
      : words``;
    const signedIn = proxy?.authorization === undefined ? words`` : words` with credentials`;
    const detail = proxy
      ? words`The way out goes by ${hidden('proxy', `${proxy.host}:${proxy.port}`)}${signedIn}, from ${sourceWords[network.proxyFrom ?? 'environment']}${own}.`
      : words`None is set for the edge${own}.`;
    return { check: good('proxy', 'edge', detail), network };
  } catch (error) {
    const known = asSallyportError(error, 'edge');
    const fix = words`Correct the variable, or unset it; or sallyport tunnel network set.`;
    return { check: bad('proxy', 'edge', failure(known), fix), network: undefined };
  }
}

const sourceWords = { settings: plain('the settings'), environment: plain('the environment') };

/** Whether the edge's name has an address. A proxy may know names that this machine does not. */
export async function checkDns(edge: Place, network: Network | undefined): Promise<Check> {
  const name = hidden('edge', edge.host);
  if (isIP(edge.host)) return good('dns', 'edge', words`${name} is an address: nothing to look up.`);
  try {
    const found = await withTime(lookup(edge.host, { all: true }));
    return good('dns', 'edge', words`${name} has ${found.length} addresses.`);
  } catch (error) {
    const code = plain((error as NodeJS.ErrnoException).code ?? 'no answer in time');
    if (network?.proxyFor(edge)) return good('dns', 'edge', words`${name} is left to the proxy (here: ${code}).`);
    return bad('dns', 'edge', words`${name} has no address (${code}).`, words`Check the network and the edge’s name.`);
  }
}

/** Whether something answers at the edge's port; by the proxy where there is one, the next check says. */
export async function checkReachable(host: string, port: number, network: Network | undefined): Promise<Check> {
  const place = hidden('edge', `${host}:${port}`);
  if (network?.proxyFor({ host, port })) {
    return good('edge-reachable', 'edge', words`${place} is reached by the proxy alone.`);
  }
  const started = performance.now();
  const code = await new Promise<string | undefined>((resolve) => {
    const socket = connect({ host, port, timeout: stepMs });
    const finish = (result: string | undefined): void => {
      socket.destroy();
      resolve(result);
    };
    socket.once('connect', () => finish(undefined));
    socket.once('timeout', () => finish('no answer in time'));
    socket.on('error', (error: NodeJS.ErrnoException) => finish(error.code ?? 'error'));
  });
  if (code === undefined) {
    return good('edge-reachable', 'edge', words`Answers in ${Math.round(performance.now() - started)} ms.`);
  }
  return bad(
    'edge-reachable',
    'edge',
    words`Nothing answers at ${place} (${plain(code)}).`,
    words`Check that the edge runs, that its port is open, and that this network lets you out to it.`,
  );
}

/** Meets the edge as the connector does, without a client certificate, and reads its clock. */
export async function meetEdge(
  edge: EdgeFacts,
  pkiFolder: string,
  network: Network | undefined,
  clock: Clock,
): Promise<Meeting> {
  let ca: string;
  try {
    ca = await readFile(join(pkiFolder, `${edge.domain}.edge-ca.pem`), 'utf8');
  } catch (error) {
    return { error: asSallyportError(error, 'edge') };
  }
  let first: SallyportError | undefined;
  for (const transport of ['tls', 'websocket'] as const) {
    try {
      const proxy = network?.proxyFor(edge);
      const socket = await dialEdge({
        address: addressOf(edge),
        transport,
        alpn: 'http/1.1',
        ca,
        timeoutMs: stepMs,
        ...(proxy ? { proxy } : {}),
        ...(network?.extraCa ? { carrierCa: network.extraCa } : {}),
      });
      try {
        const date = await withTime(dateOf(socket, serverNameOf(edge.host)));
        return { transport, ...(date === undefined ? {} : { skewMs: date - clock.now() }) };
      } finally {
        socket.destroy();
      }
    } catch (error) {
      first ??= asSallyportError(error, 'edge');
      if (first.code !== 'edge_blocked' && first.code !== 'edge_untrusted') break;
    }
  }
  return first ? { error: first } : {};
}

/** What the meeting says of the edge's certificate. */
export function checkEdgeCertificate({ error, transport }: Meeting): Check {
  if (error) {
    const fix = words`${plain(error.hint ?? 'Check the network between here and the edge.')}`;
    return bad('edge-certificate', 'edge', failure(error), fix);
  }
  return good(
    'edge-certificate',
    'edge',
    transport === 'websocket'
      ? words`It is the edge joined, reached only through a WebSocket: this network blocks or inspects other TLS.`
      : words`It is the edge joined, by its pinned key.`,
  );
}

/** This machine's clock against the edge's, or against the times of its own certificates. */
export function checkClock({ skewMs }: Meeting, now: number, newestOwnTime: number | undefined): Check {
  const fix = words`Switch on automatic time on this machine (or on the edge, if that one is wrong).`;
  if (skewMs !== undefined && Math.abs(skewMs) > toleratedSkewMs) {
    const seconds = Math.round(skewMs / 1_000);
    return bad('clock', 'app', words`This clock and the edge’s are ${seconds} s apart.`, fix);
  }
  if (newestOwnTime !== undefined && newestOwnTime - now > toleratedSkewMs) {
    return bad('clock', 'app', words`This clock is behind the time at which own files were written.`, fix);
  }
  return skewMs === undefined
    ? good('clock', 'app', words`${plain(new Date(now).toISOString())}; no edge to compare with.`)
    : good('clock', 'app', words`Within ${Math.ceil(Math.abs(skewMs) / 1_000)} s of the edge’s.`);
}

/** The Date header of the edge's own HTTPS, whatever else it answers. */
function dateOf(socket: TLSSocket, host: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ createConnection: () => socket, path: '/', headers: { host } });
    outgoing.on('error', reject);
    outgoing.on('response', (response) => {
      response.on('error', () => undefined);
      response.resume();
      const date = Date.parse(response.headers.date ?? '');
      resolve(Number.isNaN(date) ? undefined : date);
    });
    outgoing.end();
  });
}

/** Gives a step its time. */
function withTime<T>(step: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error('no answer in time')), stepMs);
  });
  return Promise.race([step, late]).finally(() => clearTimeout(timer));
}
