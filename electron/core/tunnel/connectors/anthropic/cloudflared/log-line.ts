import * as z from 'zod';

/** What a line of cloudflared's log says, as far as it matters here. */
export type LogEvent =
  | { readonly kind: 'metrics'; readonly port: number }
  | {
      readonly kind: 'registered';
      readonly index: number;
      readonly location: string;
      readonly protocol: 'http2' | 'quic';
    }
  | { readonly kind: 'lost'; readonly index: number | undefined; readonly why: string }
  | { readonly kind: 'refused-token' }
  | { readonly kind: 'bad-token' }
  | { readonly kind: 'unreachable'; readonly why: string }
  | { readonly kind: 'pushed'; readonly config: unknown }
  | { readonly kind: 'no-ingress' }
  | { readonly kind: 'origin-unreachable' }
  | { readonly kind: 'other' };

const lineSchema = z.looseObject({
  message: z.string(),
  connIndex: z.number().int().optional(),
  location: z.string().optional(),
  protocol: z.string().optional(),
  error: z.string().optional(),
  config: z.unknown().optional(),
});

const lost = [
  'Lost connection with the edge',
  'Unregistered tunnel connection',
  'Serve tunnel error',
  'Connection terminated',
  'Retrying connection in up to',
];

/**
 * Reads one line of stderr of `cloudflared --output json`, by its `message`; a line that is no JSON (a usage error, a panic)
 * is read as a message too.
 */
export function readLogLine(line: string): LogEvent {
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch {
    json = { message: line };
  }
  const parsed = lineSchema.safeParse(json);
  if (!parsed.success) return { kind: 'other' };
  const { message, connIndex, location, protocol, error = '', config } = parsed.data;
  const all = `${message} ${error}`;
  const metrics = /Starting metrics server on 127\.0\.0\.1:([0-9]{1,5})\/metrics/.exec(message)?.[1];
  if (metrics !== undefined) return { kind: 'metrics', port: Number(metrics) };
  if (message.startsWith('Registered tunnel connection')) {
    return {
      kind: 'registered',
      index: connIndex ?? 0,
      location: location ?? '',
      protocol: protocol === 'quic' ? 'quic' : 'http2',
    };
  }
  if (message.startsWith('Updated to new configuration')) return { kind: 'pushed', config: asJson(config) };
  if (all.includes('Provided Tunnel token is not valid')) return { kind: 'bad-token' };
  if (/Unauthorized/.test(all)) return { kind: 'refused-token' };
  if (message.startsWith('No ingress rules were defined')) return { kind: 'no-ingress' };
  if (message.startsWith('Unable to reach the origin service')) return { kind: 'origin-unreachable' };
  if (message.startsWith('Unable to establish connection with Cloudflare edge') || /:7844\b/.test(error)) {
    return { kind: 'unreachable', why: error };
  }
  if (lost.some((start) => message.startsWith(start))) return { kind: 'lost', index: connIndex, why: error };
  return { kind: 'other' };
}

function asJson(value: unknown): unknown {
  if (typeof value !== 'string') return value;
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}
