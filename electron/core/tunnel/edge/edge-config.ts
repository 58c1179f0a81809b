import { type Document, isMap, isScalar, LineCounter, type Node, parseDocument } from 'yaml';
import * as z from 'zod';
import { SallyportError } from '../../../shared/errors.ts';
import { isDnsName } from '../pki/certificate-names.ts';
import { defaultLimits } from './admission.ts';
import { parseAllowList } from './agent-door.ts';

const allowanceSchema = z.strictObject({
  open: z.number().int().min(1),
  perSecond: z.number().min(0.01),
  burst: z.number().int().min(1),
});
const portSchema = z.number().int().min(0).max(65_535);
const dnsName = z.string().toLowerCase().refine(isDnsName, 'must be a DNS name');
const allowEntry = z.string().refine(isAllowEntry, 'must be an address or a CIDR range');

/** `edge.yaml`, the configuration of an edge that runs alone. Unknown keys are errors. */
const configSchema = z.strictObject({
  version: z.literal(1),
  /** DNS name of the edge; tunnels get names below it. */
  name: dnsName,
  /** Addresses to bind. */
  hosts: z
    .array(z.union([z.ipv4(), z.ipv6()]))
    .min(1)
    .default(['0.0.0.0', '::']),
  /** The one public port; 0 takes any free one. */
  port: portSchema.default(443),
  /** What join lines say where that differs: behind a load balancer, or for a test on one machine. */
  public: z
    .strictObject({ host: z.string().min(1).max(253).optional(), port: portSchema.min(1).optional() })
    .default({}),
  /** Loopback port of `/healthz`; `off` for none. */
  operations: z.union([portSchema, z.literal('off')]).default(9_464),
  /** Folder of invites and certificates' records, beside this file unless absolute. */
  state: z.string().min(1).default('state'),
  /** Who may knock at the agent door; nobody unless listed. */
  agents: z.strictObject({ allow: z.array(allowEntry).default([]) }).default({ allow: [] }),
  /** PEM files for the edge's own HTTPS where a public CA signed its name. */
  https: z.strictObject({ certificate: z.string().min(1), key: z.string().min(1) }).optional(),
  limits: z
    .strictObject({
      source: allowanceSchema.default(defaultLimits.source),
      tunnel: allowanceSchema.default(defaultLimits.tunnel),
      total: z.number().int().min(1).default(defaultLimits.total),
    })
    .default(defaultLimits),
});

/** What `edge.yaml` says, defaults filled in. */
export type EdgeConfig = z.infer<typeof configSchema>;

/**
 * Reads `edge.yaml`.
 * @param file its name, for messages
 * @throws SallyportError `edge_config_invalid` at hop `edge`; the message begins with `FILE:LINE:COLUMN`
 */
export function parseEdgeConfig(text: string, file: string): EdgeConfig {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true, merge: false });
  const fail = (offset: number, what: string): never => {
    const { line, col } = lines.linePos(offset);
    throw new SallyportError('edge_config_invalid', 'edge', `${file}:${line}:${col}: ${what}`, {
      hint: 'Correct the file; "sallyport edge init" writes one that explains itself.',
    });
  };
  const [syntax] = [...document.errors, ...document.warnings];
  if (syntax) return fail(syntax.pos[0], syntax.message.split('\n')[0] ?? 'cannot be read');
  const parsed = configSchema.safeParse(document.toJS({ maxAliasCount: 0 }) ?? {});
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const path = issue?.path ?? [];
  if (issue?.code === 'unrecognized_keys') {
    const key = issue.keys[0] ?? '';
    return fail(keyOffset(document, path, key), `unknown key ${JSON.stringify(key)}`);
  }
  return fail(valueOffset(document, path), `${path.join('.') || 'the file'}: ${issue?.message ?? 'is not valid'}`);
}

function isAllowEntry(entry: string): boolean {
  try {
    parseAllowList([entry]);
    return true;
  } catch {
    return false;
  }
}

/** Where the value at `path` stands, or the nearest thing above it that is there. */
function valueOffset(document: Document, path: readonly PropertyKey[]): number {
  for (let depth = path.length; depth >= 0; depth -= 1) {
    const node = nodeAt(document, path.slice(0, depth));
    if (node?.range) return node.range[0];
  }
  return 0;
}

function keyOffset(document: Document, path: readonly PropertyKey[], key: string): number {
  const map = nodeAt(document, path);
  const pair = isMap(map) ? map.items.find((item) => isScalar(item.key) && item.key.value === key) : undefined;
  return isScalar(pair?.key) && pair.key.range ? pair.key.range[0] : valueOffset(document, path);
}

function nodeAt(document: Document, path: readonly PropertyKey[]): Node | undefined {
  const node: unknown = path.length === 0 ? document.contents : document.getIn(path, true);
  return node && typeof node === 'object' && 'range' in node ? (node as Node) : undefined;
}

/** The file that `sallyport edge init` writes. */
export function initialEdgeConfig(values: {
  readonly name: string;
  readonly port: number;
  readonly hosts: readonly string[];
  readonly operations: number | 'off';
}): string {
  return `# The tunnel edge of Sallyport. It sees names and ciphertext, never what is inside.
version: 1

# DNS name of this edge. Point it, *.NAME and agents.NAME at this machine: each tunnel gets a name below it.
name: ${values.name}

# Where it listens: one port for everything.
hosts: ${JSON.stringify(values.hosts)}
port: ${values.port}

# What join lines say, where that differs from name and port (behind a load balancer, for instance).
# public: { host: edge.example.com, port: 443 }

# Loopback port that answers GET /healthz; "off" for none.
operations: ${values.operations}

# Who may knock at the agent door, by address or CIDR range; a certificate from "sallyport edge agent add" is needed too.
agents:
  allow: []

# A certificate of a public CA for this edge's own name, if an inspecting proxy or load balancer insists on one.
# https: { certificate: fullchain.pem, key: privkey.pem }

# Connections open at once, new ones a second, and at once after a quiet time.
# limits:
#   source: { open: 256, perSecond: 50, burst: 200 }
#   tunnel: { open: 1000, perSecond: 200, burst: 1000 }
#   total: 10000
`;
}
