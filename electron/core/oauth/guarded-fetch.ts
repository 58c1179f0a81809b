import { lookup as systemLookup } from 'node:dns';
import type { IncomingHttpHeaders } from 'node:http';
import { type RequestOptions, request } from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import ipaddr from 'ipaddr.js';
import { SallyportError } from '../../shared/errors.ts';

/** What {@link createGuardedFetch} needs; the defaults are what the app uses. */
export interface GuardedFetchDeps {
  /** Whether an address may be talked to. Default: public unicast only. */
  readonly allows?: (address: string) => boolean;
  /** Resolves names. Default: the system's resolver. */
  readonly lookup?: typeof systemLookup;
  /** Additional trust anchors, PEM. */
  readonly ca?: string;
  readonly timeoutMs?: number;
  readonly maxBytes?: number;
}

/** A document that a stranger pointed at. */
export interface FetchedDocument {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Fetches one document over https. @throws SallyportError at hop `oauth`: `document_refused`, `document_unreachable` */
export type GuardedFetch = (url: string) => Promise<FetchedDocument>;

/** Whether an address is on the public internet: not loopback, private, link-local, mapped, translated or reserved. */
export function isPublicAddress(address: string): boolean {
  return ipaddr.isValid(address) && ipaddr.parse(address).range() === 'unicast';
}

/**
 * Fetches what a stranger's URL names without becoming his tool (SSRF): https only, no redirects, no proxy, and the address
 * that is checked is the address that is connected to, so a name that resolves anew (DNS rebinding) changes nothing.
 */
export function createGuardedFetch(deps: GuardedFetchDeps = {}): GuardedFetch {
  const { allows = isPublicAddress, lookup = systemLookup, timeoutMs = 4_000, maxBytes = 16_384 } = deps;
  const refused = (why: string): SallyportError =>
    new SallyportError('document_refused', 'oauth', `The client’s metadata document was not fetched: ${why}.`);

  const guarded: LookupFunction = (hostname, options, callback) => {
    lookup(hostname, { all: true, family: options.family ?? 0 }, (error, addresses) => {
      if (error) return callback(error, '', 0);
      // All of them: which one is used is up to the order of the answer.
      const [first] = addresses;
      if (!first || !addresses.every(({ address }) => allows(address))) {
        return callback(refused('its host is not on the public internet'), '', 0);
      }
      if (options.all) callback(null, addresses);
      else callback(null, first.address, first.family);
    });
  };

  return async (text) => {
    const url = URL.parse(text);
    if (url?.protocol !== 'https:') throw refused('it is not an https address');
    const host = url.hostname.replace(/^\[|\]$/g, '');
    if (isIP(host) !== 0 && !allows(host)) throw refused('its host is not on the public internet');
    const options: RequestOptions = {
      lookup: guarded,
      agent: false,
      headers: { accept: 'application/json', 'accept-encoding': 'identity' },
      ...(deps.ca === undefined ? {} : { ca: deps.ca }),
    };
    return await new Promise<FetchedDocument>((resolve, reject) => {
      const outgoing = request(url, options);
      const fail = (error: unknown): void => {
        clearTimeout(timer);
        outgoing.destroy();
        const unreachable = 'The client’s metadata document could not be fetched.';
        const told = new SallyportError('document_unreachable', 'oauth', unreachable, { cause: error });
        reject(error instanceof SallyportError ? error : told);
      };
      // One limit for all of it, so that a slow answer cannot hold anything open.
      const timer = setTimeout(() => fail(refused(`it took longer than ${timeoutMs / 1_000} s`)), timeoutMs);
      timer.unref();
      outgoing.on('error', fail);
      outgoing.on('response', (response) => {
        const chunks: Buffer[] = [];
        let size = 0;
        response.on('error', fail);
        response.on('data', (chunk: Buffer) => {
          size += chunk.length;
          if (size > maxBytes) return fail(refused(`it is over ${maxBytes} bytes`));
          chunks.push(chunk);
        });
        response.on('end', () => {
          clearTimeout(timer);
          const body = Buffer.concat(chunks).toString('utf8');
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body });
        });
      });
      outgoing.end();
    });
  };
}
