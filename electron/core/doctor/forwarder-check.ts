import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { connect } from 'node:tls';
import type { Network } from '../tunnel/connectors/network.ts';
import { connectThroughProxy } from '../tunnel/connectors/proxy.ts';
import { publicKeyPin } from '../tunnel/pki/fingerprint.ts';
import { bad, type Check, good } from './check.ts';
import { hidden, plain, words } from './words.ts';

/** Time to meet the certificate at the public name, in milliseconds. */
const meetMs = 5_000;

/** A forwarder of the person's, as settings name it. */
export interface ForwarderFacts {
  readonly host: string;
  readonly port: number;
  /** Loopback port that it must be pointed at. */
  readonly local: number;
  /** `<data>/pki`. */
  readonly folder: string;
  readonly network: Network | undefined;
  /** Whether an instance runs that could answer behind it. */
  readonly running: boolean;
}

/**
 * Tells a forwarder that passes TLS on untouched from one that ends it, and can read: by whose certificate answers at the
 * public name.
 */
export async function checkForwarder(facts: ForwarderFacts): Promise<Check> {
  const place = hidden('forwarder', `${facts.host}:${facts.port}`);
  const point = words`Start the forwarder and point it at 127.0.0.1:${facts.local}, as plain TCP (docs/forward).`;
  let met: X509Certificate;
  try {
    met = await meet(facts);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ERR_SSL_WRONG_VERSION_NUMBER') {
      return bad('forwarder', 'edge', words`What answers at ${place} does not speak TLS.`, point);
    }
    const why = plain(code ?? 'closed');
    if (!facts.running) {
      return bad('forwarder', 'edge', words`${place} brings nobody to a running Sallyport (${why}).`, point);
    }
    return bad('forwarder', 'edge', words`${place} does not bring connections to this machine (${why}).`, point);
  }
  if ((await ownPins(facts)).includes(publicKeyPin(met))) {
    return good('forwarder', 'edge', words`It passes TLS on untouched: the certificate met is this machine’s.`);
  }
  return bad(
    'forwarder',
    'edge',
    words`The forwarder ends TLS itself and can read what passes: another certificate answers, issued by ${hidden('issuer', met.issuer.replaceAll('\n', ', '))}.`,
    words`Set it to pass TCP on as it is, without TLS of its own (docs/forward). If it does, somebody stands in the middle.`,
  );
}

/** Public keys of the certificates that this machine serves under that name. */
async function ownPins(facts: ForwarderFacts): Promise<string[]> {
  const pins: string[] = [];
  for (const file of [`${facts.host}.server.pem`, `${facts.host}.public.pem`]) {
    const pem = await readFile(join(facts.folder, file)).catch(() => undefined);
    if (pem) pins.push(publicKeyPin(new X509Certificate(pem)));
  }
  return pins;
}

async function meet({ host, port, network }: ForwarderFacts): Promise<X509Certificate> {
  const proxy = network?.proxyFor({ host, port });
  const raw: Duplex | undefined = proxy ? await connectThroughProxy(proxy, { host, port }) : undefined;
  return await new Promise((resolve, reject) => {
    // Nothing is sent to whoever answers: only whose certificate it is counts.
    const socket = connect({
      ...(raw ? { socket: raw } : { host, port }),
      servername: host,
      rejectUnauthorized: false,
    });
    const timer = setTimeout(() => socket.destroy(new Error('no answer in time')), meetMs);
    const finish = (run: () => void): void => {
      clearTimeout(timer);
      socket.destroy();
      raw?.destroy();
      run();
    };
    socket.once('secureConnect', () => {
      const met = socket.getPeerX509Certificate();
      finish(() => (met ? resolve(met) : reject(new Error('no certificate'))));
    });
    socket.on('error', (error) => finish(() => reject(error)));
    socket.once('close', () => finish(() => reject(new Error('closed'))));
  });
}
