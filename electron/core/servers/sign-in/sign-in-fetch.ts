import { request as plainRequest } from 'node:http';
import { type RequestOptions, request as secureRequest } from 'node:https';
import { isIP } from 'node:net';
import { rootCertificates } from 'node:tls';
import type { FetchLike } from '@modelcontextprotocol/client';
import { SallyportError } from '../../../shared/errors.ts';
import { visibleText } from '../../../shared/visible-text.ts';
import { type AddressPin, pinAddress, type Reach, reaches, reachOf } from '../http/upstream-address.ts';

/** What the addresses of a sign-in are fetched with. */
export interface SignInFetchDeps {
  /** Name of the server, for messages. */
  readonly name: string;
  /** How far the server itself lies: nothing that it names may lie further inward. */
  readonly from: Reach;
  /** The server's own CA, beside the system's. */
  readonly ca?: string | undefined;
  readonly lookup?: AddressPin['lookup'];
  readonly timeoutMs?: number;
  readonly maxBytes?: number;
}

const statusWithoutBody = [204, 205, 304];

/**
 * Whether a server at that distance may send us to an address: https, or plain http on this machine where the server is on
 * it too. Names are judged again once they are resolved.
 */
export function mayLeadTo(address: string, from: Reach): boolean {
  const url = URL.parse(address);
  if (!url || url.username || url.password) return false;
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const named = host === 'localhost' || host.endsWith('.localhost') ? 'machine' : undefined;
  const reach = isIP(host) === 0 ? named : reachOf(host);
  if (isIP(host) !== 0 && reach === undefined) return false;
  if (reach !== undefined && reaches.indexOf(reach) < reaches.indexOf(from)) return false;
  return url.protocol === 'https:' || (url.protocol === 'http:' && reach === 'machine');
}

/**
 * `fetch` for what a server names when it wants a sign-in, without becoming its tool (SSRF): the address that is checked is
 * the one connected to, nothing lies further inward than the server itself, no proxy, no cookies, no credentials of the
 * person, bounded in size and time. Redirects are handed back as they are.
 * @returns a function that throws SallyportError `authorization_refused`, `authorization_unreachable` at hop `server`
 */
export function createSignInFetch(deps: SignInFetchDeps): FetchLike {
  const { name, from, timeoutMs = 10_000, maxBytes = 256 * 1024 } = deps;
  return async (target, init = {}) => {
    const url = new URL(target);
    const where = visibleText(url.origin, { max: 200 });
    if (!mayLeadTo(url.href, from)) throw refused(name, where, 'it is not an address that this server may lead to');
    const body = init.body === undefined || init.body === null ? undefined : String(init.body);
    const pinned = pinAddress(url, name, { reach: from, lookup: deps.lookup });
    const options: RequestOptions = {
      method: init.method ?? 'GET',
      lookup: pinned.lookup,
      agent: false,
      minVersion: 'TLSv1.2',
      ...(deps.ca === undefined ? {} : { ca: [deps.ca, ...rootCertificates] }),
      headers: {
        ...Object.fromEntries(new Headers(init.headers)),
        'accept-encoding': 'identity',
        ...(body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }),
      },
    };
    return await new Promise<Response>((resolve, reject) => {
      const outgoing = (url.protocol === 'https:' ? secureRequest : plainRequest)(url, options);
      const fail = (thrown: unknown): void => {
        clearTimeout(timer);
        outgoing.destroy();
        if (thrown instanceof SallyportError) reject(thrown);
        else reject(unreachable(name, where, thrown));
      };
      // One limit for all of it, so that a slow answer cannot hold anything open.
      const timer = setTimeout(
        () => fail(refused(name, where, `it took longer than ${timeoutMs / 1_000} s`)),
        timeoutMs,
      );
      timer.unref();
      init.signal?.addEventListener('abort', () => fail(new Error('given up')), { once: true });
      outgoing.on('error', fail);
      outgoing.on('response', (response) => {
        const parts: Buffer[] = [];
        let size = 0;
        response.on('error', fail);
        response.on('data', (part: Buffer) => {
          size += part.length;
          if (size > maxBytes) fail(refused(name, where, `it answers with more than ${maxBytes} bytes`));
          else parts.push(part);
        });
        response.on('end', () => {
          clearTimeout(timer);
          const status = response.statusCode ?? 500;
          const headers = new Headers();
          for (const [key, value] of Object.entries(response.headers)) {
            for (const each of [value ?? []].flat()) headers.append(key, each);
          }
          resolve(new Response(statusWithoutBody.includes(status) ? null : Buffer.concat(parts), { status, headers }));
        });
      });
      outgoing.end(body);
    });
  };
}

function refused(name: string, where: string, why: string): SallyportError {
  return new SallyportError('authorization_refused', 'server', `${name} leads to ${where} for its sign-in: ${why}.`, {
    hint: 'Nothing was sent there.',
  });
}

function unreachable(name: string, where: string, cause: unknown): SallyportError {
  const why = cause instanceof Error ? visibleText(cause.message, { max: 200 }) : 'no answer';
  return new SallyportError(
    'authorization_unreachable',
    'server',
    `${where}, where ${name} signs people in, cannot be reached: ${why}.`,
    {
      cause,
    },
  );
}
