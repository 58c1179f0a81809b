/** The stations at which a request can fail, in the order of its road. Every error names one (`docs/cli.md`). */
export const hops = [
  'agent',
  'edge',
  'tunnel',
  'inner-tls',
  'gateway',
  'oauth',
  'policy',
  'approval',
  'server',
  'app',
] as const;

/** One station of the road; see {@link hops}. */
export type Hop = (typeof hops)[number];
