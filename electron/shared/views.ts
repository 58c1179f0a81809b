import * as z from 'zod';
import { answerSchema, decisionSchema, outcomes, toolAccesses, toolClasses } from './call.ts';
import { serverFeatures } from './features.ts';
import { hops } from './hop.ts';

/** A point in time as every answer writes it: RFC 3339, UTC. */
export const instant = z.iso.datetime();

/** Name part of a shared server's URL; made when the server is added, never changed (`design.md` §2). */
export const slug = z.string().regex(/^[a-z0-9-]{1,40}$/);

/** One station of the road line: whether it works, since when, and what is to say about it. */
export const roadStation = z.object({
  hop: z.enum(hops),
  ok: z.boolean(),
  at: instant,
  detail: z.string().optional(),
});

/** Result of a probe: a real request through the public door (`design.md` §2). */
export const probeView = z.object({
  ok: z.boolean(),
  at: instant,
  ms: z.number().nonnegative(),
  hop: z.enum(hops).optional(),
  detail: z.string().optional(),
  /** `here` where the public door does not open to us and the probe entered at our own listener; absent = outside. */
  from: z.enum(['outside', 'here']).optional(),
});

/** The ways in. */
export const ways = ['embedded', 'edge', 'forward', 'anthropic', 'openai'] as const;

/** `sallyport status --json` (`design.md` §6). */
export const statusView = z.object({
  state: z.enum(['nothing-shared', 'connecting', 'sharing', 'attention', 'paused', 'trouble']),
  since: instant,
  road: z.array(roadStation),
  way: z.enum(ways),
  servers: z.number().int(),
  pending: z.number().int(),
  /** Agents that are paused; absent where none is. */
  agentsPaused: z.number().int().optional(),
  lastCallAt: instant.optional(),
  probe: probeView.optional(),
});
/** See {@link statusView}. */
export type StatusView = z.infer<typeof statusView>;

/** What would run, or be called, for one server. `env` and `headers` hold names only, never values. */
const targetView = {
  kind: z.enum(['stdio', 'http']),
  command: z.string().optional(),
  args: z.array(z.string()).optional(),
  env: z.array(z.string()),
  /** Folder that it runs in; absent = the home folder. */
  cwd: z.string().optional(),
  url: z.string().optional(),
  /** Headers that go with each request to it. */
  headers: z.array(z.string()).optional(),
};

/**
 * A server that another program on this machine is set up to use (`design.md` §6, `servers discover`). `digest` names what
 * was shown, for the import. `asks` are variables or headers whose values nobody here knows. With a `problem` it cannot be
 * taken over as it is.
 */
export const foundServer = z.object({
  name: z.string(),
  source: z.string(),
  file: z.string(),
  ...targetView,
  /** Whether Sallyport knows it already. */
  already: z.boolean(),
  digest: z.string(),
  asks: z.array(z.string()).optional(),
  problem: z.string().optional(),
});
/** See {@link foundServer}. */
export type FoundServer = z.infer<typeof foundServer>;

/** What a server that is walled in may have of this machine. Folders are absolute. */
export const isolationView = z.object({
  read: z.array(z.string()),
  write: z.array(z.string()),
  network: z.boolean(),
  /** Only its environment is reduced. */
  environmentOnly: z.boolean(),
});

/** One local MCP server as people see it. `env` holds names only, never values. */
export const serverView = z.object({
  name: z.string(),
  slug,
  ...targetView,
  shared: z.boolean(),
  publicUrl: z.string().optional(),
  state: z.enum(['stopped', 'starting', 'ready', 'crashed', 'wrong-output', 'needs-authorization']),
  era: z.enum(['legacy', 'modern']).optional(),
  tools: z.object({
    total: z.number().int(),
    exposed: z.number().int(),
    /** How many of the exposed ones ask first; the others run. */
    asks: z.number().int().optional(),
    /** How many are new or changed since they were approved, hence off. */
    undecided: z.number().int().optional(),
  }),
  lastError: z.string().optional(),
  source: z.string().optional(),
  /** Certificates that its own must come from, in place of the system's. */
  ca: z.array(z.object({ subject: z.string(), fingerprint: z.string(), notAfter: instant })).optional(),
  /** How far the address of an HTTP server lies, since it was first connected to. */
  reach: z.enum(['machine', 'private', 'public']).optional(),
  /** Present where it is walled in (stdio). */
  isolation: isolationView.optional(),
  /** Sallyport's own sign-in at a server that wants one; absent where none was ever asked for. */
  signIn: z
    .object({
      /** `needed` = a person must sign in; `waiting` = a browser is on its way; `authorized` = Sallyport holds tokens. */
      state: z.enum(['needed', 'waiting', 'authorized']),
      issuer: z.string().optional(),
      scopes: z.array(z.string()).optional(),
    })
    .optional(),
  /** Prompts, templates and instructions that wait for approval: new, or not what was approved. Texts of an outsider. */
  offers: z
    .array(
      z.object({
        kind: z.enum(['prompt', 'template', 'instructions']),
        name: z.string(),
        state: z.enum(['new', 'changed']),
        pin: z.string(),
        text: z.string(),
      }),
    )
    .optional(),
  /** What is done with its results; absent = secrets are masked, characters that nobody sees are reported. */
  results: z.object({ secrets: z.enum(['mask', 'pass']), unseen: z.enum(['report', 'remove']) }).optional(),
  /** What besides tools agents may use. */
  features: z.array(z.enum(serverFeatures)).optional(),
  /** Its results are private; `offered` = also by a way whose middle reads, as the person said in a second step. */
  private: z.enum(['withheld', 'offered']).optional(),
  /**
   * For a server that was taken over from another program's file: whether that file still says the same. `now` is what it
   * says instead; it runs only after it was adopted.
   */
  origin: z
    .object({
      file: z.string(),
      state: z.enum(['same', 'changed', 'gone']),
      now: z.object({ ...targetView, digest: z.string(), problem: z.string().optional() }).optional(),
    })
    .optional(),
});
/** See {@link serverView}. */
export type ServerView = z.infer<typeof serverView>;

/** One tool of a server with what policy makes of it. */
export const toolView = z.object({
  name: z.string(),
  title: z.string().optional(),
  description: z.string().optional(),
  class: z.enum(toolClasses),
  /** The rule that gave the class, in words. */
  why: z.string(),
  access: z.enum(toolAccesses),
  pin: z.string(),
  state: z.enum(['approved', 'new', 'changed', 'gone']),
  /** For a changed one: its definition as approved and as the server lists it now, as indented JSON text, each cut at 64 KiB. */
  change: z.object({ approved: z.string(), now: z.string() }).optional(),
});
/** See {@link toolView}. */
export type ToolView = z.infer<typeof toolView>;

/** One thing that an agent holds: a minted token or an OAuth grant. */
export const grantView = z.object({
  id: z.string(),
  server: slug,
  scope: z.string(),
  expiresAt: instant,
  lastUsedAt: instant.optional(),
});

/** One agent with its grants. */
export const agentView = z.object({
  id: z.string(),
  name: z.string(),
  /** `tunnel` = let in by the way's own access control: it holds nothing of ours, and nothing of it was verified. */
  kind: z.enum(['oauth', 'token', 'tunnel']),
  client: z.string().optional(),
  verified: z.boolean().optional(),
  grants: z.array(grantView),
  /** For `tunnel`: what it reached, and when it came last, since the app was started. */
  seen: z.object({ servers: z.array(slug), at: instant }).optional(),
  callsToday: z.number().int(),
  /** Set while nothing of it runs: a budget, a planted value or the person paused it. */
  paused: z.object({ at: instant, why: z.string() }).optional(),
});
/** See {@link agentView}. */
export type AgentView = z.infer<typeof agentView>;

/**
 * One OAuth request that waits for a person (`security.md` S8). Allowing releases nothing by itself: `code` must be typed
 * into the browser page that waits.
 */
export const consentView = z.object({
  id: z.string(),
  at: instant,
  expiresAt: instant,
  /** `asked` = waits for an answer; `allowed` = waits for the code. */
  phase: z.enum(['asked', 'allowed']),
  client: z.object({
    /** The agent that it counts as. */
    id: z.string(),
    name: z.string(),
    /** Whether a domain stands behind the name: then `host` is that domain. */
    verified: z.boolean(),
    host: z.string().optional(),
    /** Whether it was let in before. */
    known: z.boolean(),
  }),
  /** Where the browser is sent with the answer: a host, or `this machine`. */
  redirectHost: z.string(),
  server: slug,
  /** What was asked for. */
  scope: z.string(),
  /** The tools that this opens now. */
  tools: z.array(z.object({ name: z.string(), class: z.enum(toolClasses), access: z.enum(toolAccesses) })),
  /** Until when the grant would last. */
  until: instant,
  /** Six digits, for the person only; never sent to the page. */
  code: z.string().regex(/^[0-9]{6}$/),
});
/** See {@link consentView}. */
export type ConsentView = z.infer<typeof consentView>;

/** *Let an agent in*: whether new agents are heard, and what happened while they were not. */
export const doorView = z.object({
  /** Until when one new agent may ask; absent while nobody may. */
  openUntil: instant.optional(),
  /** Attempts that were refused unheard since the app started. */
  refused: z.number().int(),
  lastRefusedAt: instant.optional(),
  blocked: z.array(z.object({ id: z.string(), name: z.string() })),
});
/** See {@link doorView}. */
export type DoorView = z.infer<typeof doorView>;

/** What an answer covers, and for how long it is remembered. */
export const approvalScopes = ['call', 'arguments', 'tool'] as const;
/** See {@link approvalScopes}. */
export const approvalDurations = ['once', '15m', 'session', 'always'] as const;

/**
 * One prompt. Immutable: any change of what is shown makes a new `id`, so that a stale dialog cannot approve a newer
 * call (`design.md` §5).
 */
export const approvalView = z.object({
  id: z.string(),
  /** Digest of the call, `sha256:<hex>`. */
  digest: z.string(),
  at: instant,
  expiresAt: instant,
  agent: z.object({ id: z.string(), name: z.string() }),
  server: slug,
  tool: z.string(),
  class: z.enum(toolClasses),
  /** As received; for showing only. */
  arguments: z.unknown(),
  /** The arguments as the exact JSON text that would run. */
  argumentsText: z.string(),
  /** What it would do, in plain words: `write a file`. */
  verb: z.string(),
  /** On what; absent where no argument says it. */
  target: z.string().optional(),
  /** Verb and target on one line, with what else the call carries. */
  summary: z.string(),
  reasons: z.array(z.string()),
  /** Those of `reasons` that say what is odd about this call, most telling first. */
  unusual: z.array(z.string()),
  /** The last call of this agent to this tool that was allowed since the app started, on the same target if there is one. */
  last: z.object({ at: instant, argumentsText: z.string() }).optional(),
  risk: z.number().int(),
  /** How many identical calls wait; Allow covers these. */
  count: z.number().int().positive(),
  /** When the agent stops waiting, if someone waits. */
  deadlineAt: instant.optional(),
  /** Scopes and durations that may be remembered; `dangerous` tools are never remembered. */
  remember: z.object({ scopes: z.array(z.enum(approvalScopes)), durations: z.array(z.enum(approvalDurations)) }),
});
/** See {@link approvalView}. */
export type ApprovalView = z.infer<typeof approvalView>;

/** An answer that is remembered, as the Approvals page lists it. */
export const rememberedView = z.object({
  id: z.string(),
  agent: z.object({ id: z.string(), name: z.string() }),
  server: slug,
  tool: z.string(),
  effect: z.enum(['allow', 'deny']),
  scope: z.enum(approvalScopes),
  duration: z.enum(approvalDurations),
  argumentsText: z.string().optional(),
  at: instant,
  until: instant.optional(),
  used: z.number().int(),
});
/** See {@link rememberedView}. */
export type RememberedView = z.infer<typeof rememberedView>;

/** Whether the person is at the desk (`ui.md`, Not at the desk). */
export const presenceView = z.object({
  /** Set while questions are answered at once with "the person is away". */
  away: z.object({ at: instant, until: instant.optional(), by: z.enum(['hand', 'idle']) }).optional(),
  /** The screen is locked: what asks waits unseen. */
  locked: z.boolean(),
  /** Others see the screen: prompts show who and the verb, no values. */
  presenting: z.boolean(),
  /** What happened while the person was away, until it was read. */
  summary: z
    .object({
      from: instant,
      to: instant,
      ran: z.number().int(),
      waiting: z.number().int(),
      expired: z.number().int(),
    })
    .optional(),
});
/** See {@link presenceView}. */
export type PresenceView = z.infer<typeof presenceView>;

/** What the person chose of how the app behaves; every one has a default. */
export const preferencesView = z.object({
  cliMayDecide: z.boolean(),
  openAtLogin: z.boolean(),
  /** Whether answers that were remembered for a session end when the screen is locked. */
  lockEndsSessions: z.boolean(),
  /** Idle minutes after which the person counts as away; 0 = never. */
  awayAfterMinutes: z.number().int().min(0).max(720),
  /** Whether a prompt is heard. */
  promptSound: z.boolean(),
});
/** See {@link preferencesView}. */
export type Preferences = z.infer<typeof preferencesView>;

/** One row of the request log: a call with its decision and how it ended (`design.md` §6). */
export const logRow = z.object({
  seq: z.number().int(),
  at: instant,
  /** Identifier of the call, or of the event for rows that are no call. */
  id: z.string(),
  /** `call`, or what else happened: `app`, `server`, `tunnel`, `authority` (something was widened or narrowed). */
  kind: z.enum(['call', 'app', 'server', 'tunnel', 'authority']),
  agent: z.object({ id: z.string(), name: z.string() }).optional(),
  server: z.string().optional(),
  method: z.string().optional(),
  tool: z.string().optional(),
  /** The arguments as stored: secrets already replaced by markers. */
  arguments: z.unknown().optional(),
  /** For rows that are no call: the sentence to show. */
  message: z.string().optional(),
  decision: decisionSchema.optional(),
  answer: answerSchema.omit({ outcome: true, retryAfterMs: true }).optional(),
  outcome: z.enum(outcomes).optional(),
  error: z.string().optional(),
  /** Milliseconds at the server. */
  ms: z.number().nonnegative().optional(),
  bytesIn: z.number().int().nonnegative(),
  bytesOut: z.number().int().nonnegative(),
  pin: z.string().optional(),
  /** Hash of the newest event of this call, `sha256:<hex>`. */
  hash: z.string(),
});
/** See {@link logRow}. */
export type LogRow = z.infer<typeof logRow>;

/** One row with its result and the time line of the call. */
export const logDetail = logRow.extend({
  /** The arguments as the JSON text that was stored. */
  argumentsText: z.string().optional(),
  /** The result as stored, JSON text, secrets replaced, cut at 64 KiB with a count. */
  resultText: z.string().optional(),
  era: z.string().optional(),
  /** Steps in order: `received`, `decided`, `asked`, `answered`, `forwarded`, `completed`. */
  steps: z.array(z.object({ step: z.string(), at: instant, detail: z.string().optional() })),
});
/** See {@link logDetail}. */
export type LogDetail = z.infer<typeof logDetail>;

/** What the tunnel page and `tunnel status` show. */
export const tunnelView = z.object({
  way: z.enum(ways),
  domain: z.string(),
  /** Public port, part of every URL where it is not 443. */
  port: z.number().int(),
  state: z.enum(['off', 'connecting', 'connected', 'trouble']),
  connections: z.array(
    z.object({
      edge: z.string(),
      transport: z.enum(['tls', 'websocket', 'http2', 'quic']),
      since: instant,
      rttMs: z.number().optional(),
    }),
  ),
  /** `kind`: signed by the app's own authority, or by a public one. */
  certificate: z
    .object({ fingerprint: z.string(), notAfter: instant, kind: z.enum(['own', 'public']).optional() })
    .optional(),
  canSee: z.array(z.string()),
  cannotSee: z.array(z.string()),
  detail: z.string().optional(),
  /** Whether a call from outside proved it, or only our own end of it can be proven (`design.md` §2). */
  proof: z.enum(['outside', 'own-end']).optional(),
  openai: z
    .object({
      tunnelId: z.string(),
      baseUrl: z.string(),
      organization: z.string().optional(),
      access: z.enum(['oauth', 'tunnel']),
      /** One channel for each shared server; `main` is the one that ChatGPT reaches unless told otherwise. */
      channels: z.array(z.object({ channel: z.string(), server: slug })),
      /** Shared servers that this way does not offer, since their results are marked private. */
      withheld: z.array(slug).optional(),
    })
    .optional(),
  /** Where agents knock, and the loopback port that the person's forwarder is pointed at. */
  forward: z.object({ host: z.string(), port: z.number().int(), local: z.number().int() }).optional(),
  /** Steps of setting this way in up, in order, each with what could be verified from here. */
  checklist: z
    .array(z.object({ step: z.string(), state: z.enum(['done', 'open', 'failed', 'unproven']), detail: z.string() }))
    .optional(),
  /** What else to know of this way in, in words. */
  /** Whether the program that holds the connections can reach nothing else; absent where there is none. */
  contained: z.boolean().optional(),
  remarks: z.array(z.string()).optional(),
});
/** How this machine gets out, and who says so. No credentials are in it. */
export const networkView = z.object({
  /** The proxy for everything but the exceptions; none: everything is reached directly. */
  proxy: z
    .object({
      /** `http://host:port` or `https://host:port`. */
      address: z.string(),
      from: z.enum(['settings', 'environment']),
      credentials: z.boolean(),
    })
    .optional(),
  /** Settings say that no proxy is to be used, whatever the environment says. */
  direct: z.boolean(),
  noProxy: z.object({ list: z.string(), from: z.enum(['settings', 'environment']) }).optional(),
  caFile: z.object({ path: z.string(), from: z.enum(['settings', 'environment']) }).optional(),
});

/** The app's own authority, and during a change the second one. */
export const authorityView = z.object({
  /** All that agents should trust, the one that signs first. */
  pem: z.string(),
  /** Of the one that signs. */
  fingerprint: z.string(),
  notAfter: instant,
  authorities: z
    .array(z.object({ role: z.enum(['active', 'next', 'old']), fingerprint: z.string(), notAfter: instant }))
    .optional(),
});
/** See {@link authorityView}. */
export type AuthorityView = z.infer<typeof authorityView>;

/** The certificate that agents meet, and how it is renewed. */
export const certificateView = z.object({
  kind: z.enum(['own', 'public']),
  domain: z.string(),
  fingerprint: z.string(),
  notAfter: instant,
  /** ACME directory, where a public one is in use or wanted. */
  directory: z.string().optional(),
  /** When it is renewed, or the next try is made. */
  renewAt: instant.optional(),
  /** Why the newest try failed. */
  lastError: z.string().optional(),
  /** Who else could get a certificate for this name (RFC 8659, RFC 8657), and the record that forbids it. */
  caa: z
    .object({ state: z.enum(['bound', 'open', 'none', 'forbidden', 'unknown']), record: z.string().optional() })
    .optional(),
});
/** See {@link certificateView}. */
export type CertificateView = z.infer<typeof certificateView>;
/** Output type of {@link networkView}. */
export type NetworkView = z.infer<typeof networkView>;

/** See {@link tunnelView}. */
export type TunnelView = z.infer<typeof tunnelView>;

/** The first call, hop by hop, with what the edge saw of it (`ui.md`, First run). */
export const firstCallView = z.object({
  name: z.string(),
  slug,
  url: z.string(),
  /** Its row in the log. */
  callId: z.string(),
  tool: z.string(),
  /** Each hop that was reached, in the order of the road. */
  hops: z.array(
    z.object({
      hop: z.enum(hops),
      at: instant,
      /** Milliseconds since the agent was started. */
      afterMs: z.number().nonnegative(),
      detail: z.string(),
    }),
  ),
  /** What the agent got, cut at 4,000 characters. */
  answer: z.string(),
  /** Absent where the edge runs elsewhere and cannot be watched from here. */
  edge: z
    .object({
      name: z.string(),
      at: instant,
      connections: z.number().int().positive(),
      bytesUp: z.number().int().nonnegative(),
      bytesDown: z.number().int().nonnegative(),
      /** First bytes of the largest piece that passed, hexadecimal: ciphertext. */
      sample: z.string(),
    })
    .optional(),
});
/** See {@link firstCallView}. */
export type FirstCallView = z.infer<typeof firstCallView>;

/** One thing that the doctor looked at. */
export const checkView = z.object({
  /** What was looked at, in one word; stable. */
  check: z.string(),
  hop: z.enum(hops),
  ok: z.boolean(),
  detail: z.string(),
  /** What mends it; there is one wherever `ok` is false. */
  fix: z.string().optional(),
});
/** See {@link checkView}. */
export type CheckView = z.infer<typeof checkView>;
