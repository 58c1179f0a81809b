import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { BlockList, isIP, type Socket } from 'node:net';
import { SallyportError } from '../../../shared/errors.ts';

/** An HTTP proxy that opens connections by CONNECT (RFC 9110 §9.3.6). */
export interface HttpProxy {
  readonly host: string;
  readonly port: number;
  /** Whether the proxy itself is spoken to over TLS. */
  readonly secure: boolean;
  /** Value of `Proxy-Authorization` (basic credentials). A secret: never shown, never logged. */
  readonly authorization?: string;
}

/** Environment variables, as `process.env` has them. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** A proxy for everything but what is listed. */
export interface ProxyRule {
  /** Where it is named, for messages: a variable, or the setting. */
  readonly name: string;
  /** Its URL, see {@link parseProxy}. */
  readonly url: string;
  /** Comma-separated exceptions, as in `NO_PROXY`. */
  readonly noProxy: string;
}

/** What the environment says: `HTTPS_PROXY`, else `ALL_PROXY` (lower case first, as curl reads them), and `NO_PROXY`. */
export function proxyRuleOf(env: Environment): ProxyRule | undefined {
  const name = ['https_proxy', 'HTTPS_PROXY', 'all_proxy', 'ALL_PROXY'].find((one) => env[one]);
  const url = name === undefined ? undefined : env[name];
  return name && url ? { name, url, noProxy: noProxyOf(env) } : undefined;
}

/** The environment's list of exceptions. */
export function noProxyOf(env: Environment): string {
  return env.no_proxy ?? env.NO_PROXY ?? '';
}

/**
 * The proxy by which a rule leads to a target. Loopback is never reached by a proxy.
 * @throws SallyportError `proxy_invalid` at hop `edge`; the message names the variable, never its value
 */
export function proxyFor(
  target: { readonly host: string; readonly port: number },
  rule: ProxyRule | undefined,
): HttpProxy | undefined {
  if (!rule || isLoopback(target.host) || isExempt(target, rule.noProxy)) return undefined;
  return parseProxy(rule.url, rule.name);
}

/**
 * Reads a proxy's URL, `http://user:password@host:port`; without a scheme it is http.
 * @param name of the variable or setting, for messages
 * @throws SallyportError `proxy_invalid` at hop `edge`
 */
export function parseProxy(text: string, name: string): HttpProxy {
  const url = URL.parse(text.includes('://') ? text : `http://${text}`);
  if (!url || !/^https?:$/.test(url.protocol) || url.hostname === '') {
    throw new SallyportError('proxy_invalid', 'edge', `${name} is not the address of an HTTP proxy.`, {
      hint: `Write ${name}=http://host:port, or https://host:port; other kinds of proxies are not spoken.`,
    });
  }
  const secure = url.protocol === 'https:';
  const credentials = `${decode(url.username)}:${decode(url.password)}`;
  return {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: Number(url.port) || (secure ? 443 : 80),
    secure,
    ...(credentials === ':' ? {} : { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` }),
  };
}

/**
 * Opens a connection to the target through a proxy.
 * @param options `ca` are further CAs in PEM for a proxy spoken to over TLS; `onSocket` gets what must be destroyed on giving up
 * @throws SallyportError at hop `edge`: `proxy_unreachable`, `proxy_auth_needed` (407), `proxy_refused` (any other answer)
 */
export function connectThroughProxy(
  proxy: HttpProxy,
  target: { readonly host: string; readonly port: number },
  options: { readonly ca?: readonly string[]; readonly onSocket?: (socket: { destroy(): void }) => void } = {},
): Promise<Socket> {
  const place = `${isIP(target.host) === 6 ? `[${target.host}]` : target.host}:${target.port}`;
  const via = `${proxy.host}:${proxy.port}`;
  return new Promise((resolve, reject) => {
    const outgoing = (proxy.secure ? requestHttps : requestHttp)({
      host: proxy.host,
      port: proxy.port,
      method: 'CONNECT',
      path: place,
      agent: false,
      headers: { host: place, ...(proxy.authorization ? { 'proxy-authorization': proxy.authorization } : {}) },
      ...(proxy.secure && options.ca ? { ca: [...options.ca] } : {}),
    });
    options.onSocket?.(outgoing);
    outgoing.on('error', (error: NodeJS.ErrnoException) => {
      reject(
        new SallyportError(
          'proxy_unreachable',
          'edge',
          `The proxy ${via} does not answer (${error.code ?? 'error'}).`,
          {
            hint: 'Check HTTPS_PROXY or `sallyport tunnel network`, or list the edge in NO_PROXY if it can be reached directly.',
            cause: error,
          },
        ),
      );
    });
    const refuse = (status: number): void => {
      outgoing.destroy();
      const needs = status === 407;
      reject(
        new SallyportError(
          needs ? 'proxy_auth_needed' : 'proxy_refused',
          'edge',
          needs
            ? `The proxy ${via} wants other credentials.`
            : `The proxy ${via} refused the way to the edge (${status}).`,
          {
            hint: needs
              ? 'Give them: sallyport tunnel network set --proxy-user NAME; or in HTTPS_PROXY: http://user:password@host:port.'
              : 'Ask who runs the proxy to let CONNECT to the edge through.',
          },
        ),
      );
    };
    outgoing.on('response', (response) => refuse(response.statusCode ?? 0));
    outgoing.on('connect', (response, socket: Socket, head: Buffer) => {
      if (response.statusCode !== 200) {
        socket.destroy();
        refuse(response.statusCode ?? 0);
        return;
      }
      socket.setNoDelay(true);
      if (head.length > 0) socket.unshift(head);
      options.onSocket?.(socket);
      resolve(socket);
    });
    outgoing.end();
  });
}

/** Whether `NO_PROXY` lists a target: names with their subdomains, addresses, CIDR ranges, `host:port`, or `*`. */
function isExempt(target: { readonly host: string; readonly port: number }, list: string): boolean {
  const host = target.host.toLowerCase();
  return list
    .toLowerCase()
    .split(/[\s,]+/)
    .filter((entry) => entry !== '')
    .some((entry) => {
      if (entry === '*') return true;
      const [, bare = entry, port] = /^(.*[^:]|\[.*\]):([0-9]{1,5})$/.exec(entry) ?? [];
      const name = isIP(entry) ? entry : bare.replace(/^\[|\]$/g, '');
      if (!isIP(entry) && port !== undefined && Number(port) !== target.port) return false;
      if (name.includes('/')) return inRange(host, name);
      const suffix = name.replace(/^\*?\./, '');
      return host === suffix || host.endsWith(`.${suffix}`);
    });
}

function inRange(host: string, range: string): boolean {
  const [network = '', bits = ''] = range.split('/');
  const family = isIP(network);
  if (family === 0 || isIP(host) !== family || !/^[0-9]{1,3}$/.test(bits)) return false;
  if (Number(bits) > (family === 6 ? 128 : 32)) return false;
  const list = new BlockList();
  list.addSubnet(network, Number(bits), family === 6 ? 'ipv6' : 'ipv4');
  return list.check(host, family === 6 ? 'ipv6' : 'ipv4');
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host.endsWith('.localhost') || host === '::1' || /^127\./.test(host);
}

/** Percent-decoding that leaves what is not encoded rightly as it is. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
