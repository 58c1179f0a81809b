import { BlockList, isIP } from 'node:net';
import { type Document, isMap, isScalar, isSeq, LineCounter, parseDocument } from 'yaml';
import * as z from 'zod';
import { SallyportError } from '../../../../shared/errors.ts';
import { isDnsName } from '../../pki/certificate-names.ts';

/** One route of an `mcp-proxy` configuration. */
export interface ImportedRoute {
  /** As written: one label below the domain, or a whole host. */
  readonly key: string;
  /** Host that it serves. */
  readonly host: string;
  /** `scheme://host:port`, without path. */
  readonly upstream: string;
}

/** What an `mcp-proxy` configuration says, as far as it has a counterpart here. */
export interface ImportedConfig {
  readonly domain: string;
  /** Port of `listen_addr`. */
  readonly listen: number;
  readonly routes: readonly ImportedRoute[];
  /** What is not taken over, or works another way here, in words. */
  readonly remarks: readonly string[];
}

const route = z.string();
const schema = z.strictObject({
  listen_addr: z.string().default(':8080'),
  log_level: z.string().optional(),
  shutdown_timeout: z.union([z.string(), z.number()]).optional(),
  tunnel_domain: z.string().default(''),
  tls: z.strictObject({ cert_file: z.string().optional(), key_file: z.string().optional() }).optional(),
  routes: z.record(z.string(), route),
  upstream: z
    .strictObject({
      allowed_ips: z.array(z.string()).nullish(),
      disable_ip_validation: z.boolean().optional(),
      tls: z.strictObject({ ca_file: z.string().nullish(), include_system_cas: z.boolean().optional() }).optional(),
    })
    .optional(),
});

/**
 * Reads a configuration of the `mcp-proxy` of Anthropic's Docker stack, every field that it has. Upstreams that are written
 * as addresses are checked as it would check them.
 * @param file name for messages
 * @throws SallyportError `bad_proxy_config` at hop `app`, naming file, line and field, in the proxy's words where it has some
 */
export function readMcpProxyConfig(text: string, file: string): ImportedConfig {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true });
  const bad = (message: string, offset?: number): SallyportError => {
    const at = offset === undefined ? undefined : lines.linePos(offset);
    const where = at ? `${file}:${at.line}:${at.col}` : file;
    return new SallyportError('bad_proxy_config', 'app', `${where}: ${message}`, {
      hint: 'This is the configuration of mcp-proxy (config.yaml); nothing was imported.',
    });
  };
  const offsetOf = (path: readonly PropertyKey[]): number | undefined => {
    for (let length = path.length; length > 0; length -= 1) {
      const node: unknown = document.getIn(path.slice(0, length), true);
      if (typeof node === 'object' && node !== null && 'range' in node && Array.isArray(node.range)) {
        return Number(node.range[0]);
      }
    }
    return undefined;
  };
  const broken = document.errors[0];
  if (broken) throw bad(`yaml: ${broken.message}`, broken.pos[0]);
  const parsed = schema.safeParse(document.toJS());
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const field = issue?.path.join('.') ?? '';
    if (issue?.code === 'unrecognized_keys') {
      const key = issue.keys[0] ?? '';
      throw bad(`field ${[...issue.path, key].join('.')} not found`, offsetOf([...issue.path, key]));
    }
    const words = issue?.code === 'invalid_type' ? unmarshalWords(issue, document) : undefined;
    throw bad(words ?? `${field || 'the document'}: ${issue?.message ?? 'is wrong'}`, offsetOf(issue?.path ?? []));
  }
  const { data } = parsed;
  const domain = data.tunnel_domain === '' ? parentOf(Object.keys(data.routes)) : plainHost(data.tunnel_domain);
  if (domain === undefined) throw bad('tunnel_domain is needed: the routes are not all one label below one domain');
  if (!isDnsName(domain)) throw bad(`tunnel_domain: ${data.tunnel_domain} is no domain`, offsetOf(['tunnel_domain']));
  if (data.upstream?.disable_ip_validation === true && data.upstream.allowed_ips) {
    throw bad('allowed_ips and disable_ip_validation are mutually exclusive', offsetOf(['upstream', 'allowed_ips']));
  }
  const listen = Number(/:([0-9]{1,5})$/.exec(data.listen_addr)?.[1]);
  if (!(listen >= 1 && listen <= 65_535)) throw bad('listen_addr must be [HOST]:PORT', offsetOf(['listen_addr']));
  const allowed = allowList(data.upstream?.allowed_ips ?? undefined, (index) =>
    bad(
      'allowed_ips takes IPv4 addresses and networks such as 10.0.0.0/8',
      offsetOf(['upstream', 'allowed_ips', index]),
    ),
  );
  const routes = Object.entries(data.routes).map(([key, target]): ImportedRoute => {
    const at = offsetOf(['routes', key]);
    const name = plainHost(key);
    if (!isDnsName(name)) throw bad(`routes: ${key} is no host name`, at);
    let url: URL;
    try {
      url = new URL(target);
    } catch {
      throw bad(`routes.${key}: ${target} must be scheme://host:port`, at);
    }
    const bare = url.pathname === '/' && !target.endsWith('/') && url.search === '' && url.hash === '';
    if (!/^https?:$/.test(url.protocol) || !bare || url.username !== '' || url.password !== '') {
      throw bad(`routes.${key}: the upstream must be exactly scheme://host:port`, at);
    }
    const address = url.hostname.replace(/^\[|\]$/g, '');
    const family = isIP(address);
    if (family !== 0 && data.upstream?.disable_ip_validation !== true) {
      if (!allowed.check(address, family === 4 ? 'ipv4' : 'ipv6')) {
        throw bad(`routes.${key}: IP validation failed: ${address} is not a private address`, at);
      }
    }
    return { key, host: name.includes('.') ? name : `${name}.${domain}`, upstream: url.origin };
  });
  return { domain, listen, routes, remarks: remarksOn(data) };
}

function allowList(given: readonly string[] | undefined, bad: (index: number) => SallyportError): BlockList {
  const list = new BlockList();
  const networks = given && given.length > 0 ? given : ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16'];
  networks.forEach((network, index) => {
    const match = /^([0-9.]+)(?:\/([0-9]{1,2}))?$/.exec(network);
    const bits = Number(match?.[2] ?? 32);
    if (!match?.[1] || isIP(match[1]) !== 4 || bits > 32) throw bad(index);
    list.addSubnet(match[1], bits, 'ipv4');
  });
  return list;
}

/** Lower case, without the dot that may end a host name. */
function plainHost(name: string): string {
  return name.toLowerCase().replace(/\.$/, '');
}

/** The domain that all hosts are one label below, where there is one: without `tunnel_domain` keys are whole hosts. */
function parentOf(hosts: readonly string[]): string | undefined {
  const parents = new Set(hosts.map((host) => plainHost(host).split('.').slice(1).join('.')));
  const [only] = parents;
  return parents.size === 1 && only?.includes('.') ? only : undefined;
}

/** The words of the YAML reader of the proxy for a value of the wrong kind; it is written in Go. */
function unmarshalWords(issue: z.core.$ZodIssueInvalidType, document: Document.Parsed): string {
  const node: unknown = document.getIn(issue.path, true);
  const expected: Readonly<Record<string, string>> = {
    record: 'map[string]string',
    array: '[]string',
    boolean: 'bool',
  };
  const kind = isSeq(node) ? '!!seq' : isMap(node) ? '!!map' : `!!${tagOf(isScalar(node) ? node.value : undefined)}`;
  return `${issue.path.join('.')}: cannot unmarshal ${kind} into ${expected[issue.expected] ?? issue.expected}`;
}

function tagOf(value: unknown): string {
  if (typeof value === 'string') return 'str';
  if (typeof value === 'boolean') return 'bool';
  return typeof value === 'number' ? 'int' : 'null';
}

function remarksOn(data: z.infer<typeof schema>): readonly string[] {
  const remarks = [
    'Sallyport makes its own certificate authority and keeps the key: register it with the tunnel (`sallyport tunnel ca`).',
    'Nothing is shared by this: share each server once you have looked at its tools.',
  ];
  if (data.tls?.cert_file !== undefined || data.tls?.key_file !== undefined) {
    remarks.push(
      'tls.cert_file and tls.key_file are not used; that certificate can go once the new authority is registered.',
    );
  }
  if (data.log_level !== undefined) remarks.push('log_level has no counterpart: every call is in the request log.');
  if (data.shutdown_timeout !== undefined) remarks.push('shutdown_timeout is 5 s here.');
  if (data.upstream?.tls?.ca_file) {
    remarks.push(
      `upstream.tls.ca_file is not taken over: start Sallyport with NODE_EXTRA_CA_CERTS=${data.upstream.tls.ca_file}.`,
    );
  }
  if (data.upstream?.disable_ip_validation === true || data.upstream?.allowed_ips) {
    remarks.push(
      'Addresses of upstreams are yours to choose here: only what you add is reached, whatever its address.',
    );
  }
  return remarks;
}
