import * as z from 'zod';
import type { SettingsData } from './settings.ts';

/** Version of the settings document that this program reads and writes. */
export const settingsVersion = 1;

const port = z.int().min(1).max(65_535);
const portChoice = z.looseObject({ port, chosen: z.boolean() });

// Loose throughout: what another version put into the document stays in it.
const serverRecord = z.looseObject({
  slug: z.string().regex(/^[a-z0-9-]{1,40}$/),
  name: z.string().min(1),
  target: z.discriminatedUnion('kind', [
    z.looseObject({
      kind: z.literal('stdio'),
      command: z.string().min(1),
      args: z.array(z.string()),
      env: z.array(z.string()),
      cwd: z.string().min(1).optional(),
    }),
    z.looseObject({
      kind: z.literal('http'),
      url: z.string().min(1),
      headers: z.array(z.string()).optional(),
      ca: z.string().optional(),
    }),
  ]),
  shared: z.boolean(),
  reach: z.enum(['machine', 'private', 'public']).optional(),
  source: z.string().optional(),
  isolation: z
    .looseObject({
      read: z.array(z.string()),
      write: z.array(z.string()),
      network: z.boolean(),
      environmentOnly: z.boolean(),
    })
    .optional(),
  features: z.array(z.string()).optional(),
  results: z.looseObject({ secrets: z.enum(['mask', 'pass']), unseen: z.enum(['report', 'remove']) }).optional(),
  private: z.boolean().optional(),
  offeredReadable: z.boolean().optional(),
  origin: z.looseObject({ file: z.string(), entry: z.string(), digest: z.string() }).optional(),
});

/** Schema of the settings document, version 1. */
export const settingsDocument = z.looseObject({
  schemaVersion: z.literal(settingsVersion),
  servers: z.array(serverRecord),
  tunnel: z.looseObject({
    way: z.enum(['embedded', 'edge', 'forward', 'openai', 'anthropic']),
    domain: z.string().min(1),
    edge: z
      .looseObject({
        host: z.string().min(1),
        port,
        caPin: z.string().min(1),
        caPins: z.array(z.string().min(1)).optional(),
        domain: z.string().min(1),
      })
      .optional(),
    forward: z.looseObject({ host: z.string().min(1), port }).optional(),
    certificate: z
      .looseObject({
        domain: z.string().min(1),
        directory: z.url(),
        email: z.string().optional(),
        termsAgreed: z.boolean(),
      })
      .optional(),
    openai: z
      .looseObject({
        tunnelId: z.string().min(1),
        baseUrl: z.string().min(1),
        organization: z.string().optional(),
        main: z.string().optional(),
        access: z.enum(['oauth', 'tunnel']),
      })
      .optional(),
    anthropic: z
      .looseObject({
        domain: z.string().min(1),
        mode: z.enum(['cloudflared', 'listener', 'native']),
        listen: port.optional(),
        cloudflared: z.string().min(1).optional(),
        hosts: z.record(z.string(), z.string()).optional(),
        edges: z.array(z.string().min(1)).optional(),
        edgeCa: z.string().min(1).optional(),
        overridden: z.string().min(1).optional(),
        protocol: z.enum(['http2', 'quic', 'auto']).optional(),
      })
      .optional(),
    anthropicApi: z
      .looseObject({
        url: z.string().min(1),
        generation: z.enum(['workspace', 'organization']),
        tunnelId: z.string().min(1).optional(),
        making: z.string().min(1).max(255).optional(),
        domain: z.string().min(1).optional(),
        certificateId: z.string().min(1).optional(),
        fingerprint: z.string().min(1).optional(),
        federation: z
          .looseObject({
            rule: z.string().min(1),
            organization: z.string().min(1),
            serviceAccount: z.string().optional(),
            workspace: z.string().optional(),
            identityFile: z.string().optional(),
          })
          .optional(),
      })
      .optional(),
  }),
  network: z
    .looseObject({
      proxy: z.string().min(1).optional(),
      noProxy: z.string().optional(),
      caFile: z.string().min(1).optional(),
    })
    .optional(),
  ports: z.looseObject({ edge: portChoice, ui: portChoice, authorize: portChoice.optional() }),
  paused: z.looseObject({ at: z.iso.datetime(), why: z.string().optional() }).optional(),
  pausedAgents: z
    .array(z.looseObject({ id: z.string().min(1), name: z.string(), at: z.iso.datetime(), why: z.string() }))
    .optional(),
  log: z.looseObject({ days: z.int().min(1), bytes: z.int().min(1_048_576) }).optional(),
  cliMayDecide: z.boolean(),
  openAtLogin: z.boolean(),
  lockEndsSessions: z.boolean().optional(),
  awayAfterMinutes: z.int().min(0).max(720).optional(),
  promptSound: z.boolean().optional(),
});

/** Names of the document's own members; everything else at the top was put there by somebody else and is kept. */
export const settingsMembers: ReadonlySet<string> = new Set(Object.keys(settingsDocument.shape));

/** The settings of a fresh installation (`design.md` §7). */
export function defaultSettings(): SettingsData {
  return {
    schemaVersion: settingsVersion,
    servers: [],
    tunnel: { way: 'embedded', domain: 'localhost' },
    ports: { edge: { port: 47_443, chosen: false }, ui: { port: 47_480, chosen: false } },
    cliMayDecide: false,
    openAtLogin: false,
  };
}

/** What a settings file turned out to be. */
export type SettingsReading =
  | { readonly kind: 'good'; readonly settings: SettingsData }
  | { readonly kind: 'newer'; readonly version: number }
  | { readonly kind: 'corrupt'; readonly why: string };

const versionOnly = z.looseObject({ schemaVersion: z.int() });

/** Judges the text of a settings file: the version first, then the shape. */
export function readSettingsText(text: string): SettingsReading {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return { kind: 'corrupt', why: 'it is not JSON' };
  }
  const version = versionOnly.safeParse(json);
  if (!version.success) return { kind: 'corrupt', why: 'it has no whole number in schemaVersion' };
  if (version.data.schemaVersion > settingsVersion) return { kind: 'newer', version: version.data.schemaVersion };
  const parsed = settingsDocument.safeParse(json);
  if (parsed.success) return { kind: 'good', settings: parsed.data };
  return { kind: 'corrupt', why: issueText(parsed.error) };
}

/** Where the first fault is and what it is, in one line. */
export function issueText(error: z.ZodError): string {
  const issue = error.issues[0];
  return issue ? `${issue.path.join('.') || 'the document'}: ${issue.message}` : 'it does not fit the schema';
}
