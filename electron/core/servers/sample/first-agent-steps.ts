import * as z from 'zod';

/** What the agent of the first call is told, as one JSON object on standard input: a token never stands in argv. */
export const firstAgentTask = z.object({
  url: z.url(),
  token: z.string(),
  /** PEM of the only authority that it trusts. */
  ca: z.string(),
  tool: z.string(),
  arguments: z.record(z.string(), z.unknown()),
});

/** What it says, one JSON object a line. Times are RFC 3339. */
export const firstAgentStep = z.discriminatedUnion('step', [
  /** TLS is up: the certificate met, and the random by which the edge's witness knows the connection. */
  z.object({
    step: z.literal('connected'),
    at: z.iso.datetime(),
    clientRandom: z.string().optional(),
    fingerprint: z.string(),
  }),
  z.object({ step: z.literal('calling'), at: z.iso.datetime() }),
  z.object({ step: z.literal('answered'), at: z.iso.datetime(), isError: z.boolean(), text: z.string() }),
  z.object({ step: z.literal('failed'), at: z.iso.datetime(), message: z.string() }),
]);
/** See {@link firstAgentStep}. */
export type FirstAgentStep = z.infer<typeof firstAgentStep>;
