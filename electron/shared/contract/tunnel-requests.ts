import * as z from 'zod';
import { authorityView, certificateView, instant, networkView, probeView, slug, tunnelView, ways } from '../views.ts';
import { nothing, request, serverName } from './request-spec.ts';

const tunnelId = z.string().regex(/^tnl_[A-Za-z0-9_-]{1,200}$/);

const certificateId = z.string().regex(/^tcrt_[A-Za-z0-9_-]{1,200}$/);

/**
 * How Anthropic's Tunnels API is reached; what is left out stays as it was. `token` and `identityToken` go to the secrets
 * store at once and are never read back.
 */
export const anthropicApiChoice = z.strictObject({
  url: z.string().max(300).optional(),
  generation: z.enum(['workspace', 'organization']).optional(),
  token: z.string().min(1).max(16_384).optional(),
  /** Workload identity federation in place of a token. */
  federation: z
    .strictObject({
      rule: z.string().regex(/^fdrl_[A-Za-z0-9_-]{1,200}$/),
      organization: z.string().regex(/^[A-Za-z0-9_-]{1,200}$/),
      serviceAccount: z
        .string()
        .regex(/^[A-Za-z0-9_-]{1,200}$/)
        .optional(),
      workspace: z
        .string()
        .regex(/^(?:default|wrkspc_[A-Za-z0-9_-]{1,200})$/)
        .optional(),
      /** Absolute path, read anew at each exchange. */
      identityFile: z.string().min(1).max(4_096).optional(),
      identityToken: z.string().min(1).max(16_384).optional(),
    })
    .optional(),
  /** A tunnel to attach, or `new` for another one; else the one from before, or a new one. */
  tunnel: z.union([tunnelId, z.literal('new')]).optional(),
  /** Name of a tunnel that is made, as the Console shows it; a few letters are added. */
  name: z.string().min(1).max(200).optional(),
});

/** A way out as a person gives it. */
const networkChoice = z.strictObject({
  /** `http://host:port`, `https://host:port`, or `direct`: none, whatever the environment says. */
  proxy: z.string().min(1).max(300).nullable().optional(),
  /** Basic credentials for that proxy. */
  credentials: z
    .strictObject({
      user: z
        .string()
        .min(1)
        .max(200)
        .regex(/^[^:\p{Cc}]+$/u),
      password: z
        .string()
        .max(1_000)
        .regex(/^\P{Cc}*$/u),
    })
    .nullable()
    .optional(),
  /** Exceptions, as in `NO_PROXY`. */
  noProxy: z.string().max(2_000).nullable().optional(),
  /** Absolute path of a file of CAs in PEM. */
  caFile: z.string().min(1).max(4_000).nullable().optional(),
});

/** How Anthropic's tunnel is set up; what is left out stays as it was. */
export const anthropicChoice = z.strictObject({
  domain: z.string().min(1).max(253).optional(),
  token: z.string().min(1).max(8_192).optional(),
  mode: z.enum(['cloudflared', 'listener', 'native']).optional(),
  listen: z.number().int().min(1).max(65_535).optional(),
  cloudflared: z.string().min(1).max(4_096).optional(),
  hosts: z.record(z.string().max(253), slug).optional(),
  edges: z.array(z.string().min(1).max(300)).max(16).optional(),
  edgeCa: z.string().max(65_536).optional(),
  /** Transport of a cloudflared that Sallyport runs; `auto` = QUIC where UDP gets through. */
  protocol: z.enum(['http2', 'quic', 'auto']).optional(),
  /** Has domain and token made, or fetched, by the Tunnels API. */
  api: anthropicApiChoice.optional(),
});

/** Where agents knock at a forwarder of the person's; needed at the first time, and kept. The port is 443 unless named. */
export const forwardChoice = z.strictObject({
  host: z
    .string()
    .max(253)
    .regex(/^(?=.*[a-z])[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*$/i),
  port: z.number().int().min(1).max(65_535).optional(),
});

/**
 * OpenAI's tunnel as a person names it. The runtime key goes to the secrets store at once and is never read back; without one,
 * the key that is stored for that tunnel is used. What is absent stays as it was.
 */
export const openAiChoice = z.strictObject({
  tunnelId: z.string().min(1).max(200).optional(),
  key: z.string().min(1).max(4_096).optional(),
  baseUrl: z.string().max(2_000).optional(),
  organization: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,200}$/)
    .optional(),
  /** The shared server on the channel `main`, by name or slug. */
  main: serverName.optional(),
  access: z.enum(['oauth', 'tunnel']).optional(),
});

/** Requests about the way in: its certificates, its probe and its set-up. */
export const tunnelRequests = {
  'tunnel.status': request(nothing, tunnelView),
  /** What agents must trust; while the authority is being changed `pem` holds both, and `authorities` says which is which. */
  'tunnel.ca': request(nothing, authorityView),
  /** A step of changing the authority without an hour in which an agent that trusts either meets a stranger. */
  'tunnel.caRotate': request(z.strictObject({ step: z.enum(['begin', 'switch', 'finish', 'cancel']) }), authorityView, {
    widens: true,
  }),
  'tunnel.probe': request(nothing, probeView),
  /** Chooses the way in. `join` is the line that `sallyport edge invite` printed; it is a secret until it is used. */
  'tunnel.use': request(
    z.strictObject({
      way: z.enum(ways),
      join: z.string().max(1_000).optional(),
      forward: forwardChoice.optional(),
      openai: openAiChoice.optional(),
      /** For `anthropic`, needed at the first time. The token goes to the secrets store at once and is never read back. */
      anthropic: anthropicChoice.optional(),
    }),
    tunnelView,
    { widens: true },
  ),
  /** The certificate that agents meet. Asks DNS who else could get one. */
  'tunnel.certificate': request(nothing, certificateView),
  /** Changes who signs it; `public` orders one by ACME, through the tunnel itself, and answers when it serves. */
  'tunnel.certificateUse': request(
    z.discriminatedUnion('kind', [
      z.strictObject({ kind: z.literal('own') }),
      z.strictObject({
        kind: z.literal('public'),
        directory: z
          .url({ protocol: /^https$/ })
          .max(2_000)
          .optional(),
        email: z.email().max(254).optional(),
        /** The person read the authority's terms and agrees to them. */
        agreeTerms: z.boolean().optional(),
      }),
    ]),
    certificateView,
    { widens: true },
  ),
  /** How this machine gets out to the edge and to others: settings before environment. Credentials are never given out. */
  'tunnel.network': request(nothing, networkView),
  /**
   * Changes it; `null` leaves a part to the environment again, what is absent stays. Credentials go to the secrets store at once, and
   * end with the proxy that they were for. The tunnel connects anew.
   */
  'tunnel.networkUse': request(networkChoice, networkView, { widens: true }),
  /** The tunnels at Anthropic, by its API, and the authorities of the one that was chosen. */
  'tunnel.remote': request(
    nothing,
    z.object({
      tunnels: z.array(
        z.object({
          id: tunnelId,
          name: z.string().optional(),
          domain: z.string(),
          createdAt: z.string(),
          archivedAt: z.string().optional(),
          chosen: z.boolean(),
        }),
      ),
      certificates: z.array(
        z.object({
          id: certificateId,
          fingerprint: z.string(),
          createdAt: z.string(),
          expiresAt: z.string().optional(),
          ours: z.boolean(),
        }),
      ),
    }),
  ),
  /** Changes something at Anthropic. Archiving cannot be undone; a rotated token is taken into use. */
  'tunnel.remoteChange': request(
    z.discriminatedUnion('do', [
      z.strictObject({ do: z.literal('rotate-token'), reason: z.string().min(1).max(500).optional() }),
      z.strictObject({ do: z.literal('archive'), id: tunnelId }),
      z.strictObject({ do: z.literal('archive-certificate'), id: certificateId }),
    ]),
    tunnelView,
    { widens: true },
  ),
  /** Begins a record of the next connections through Anthropic's tunnel (`start` = how many), and gives what is noted. */
  'tunnel.record': request(
    z.strictObject({ start: z.number().int().min(1).max(20).optional() }),
    z.object({
      recording: z
        .object({
          startedAt: instant,
          waitingFor: z.number().int(),
          events: z.array(z.looseObject({ at: instant, what: z.string() })),
        })
        .optional(),
    }),
  ),
} as const;
