import * as z from 'zod';
import { outcomes, toolAccesses } from './call.ts';
import { errorShape } from './errors.ts';
import { serverFeatures } from './features.ts';
import {
  agentView,
  approvalDurations,
  approvalScopes,
  approvalView,
  authorityView,
  certificateView,
  checkView,
  consentView,
  doorView,
  firstCallView,
  foundServer,
  instant,
  isolationView,
  logDetail,
  logRow,
  probeView,
  rememberedView,
  serverView,
  slug,
  statusView,
  toolView,
  tunnelView,
  ways,
} from './views.ts';

/**
 * The contract between the core and its fronts (window, browser, CLI, tests): every request and event once, with the
 * schemas of what goes in and out. Preload bridge, browser client, control socket and test client are made from it
 * (`design.md` §5). Adding a request is one entry here and one handler in `core/fronts`.
 */

/** One request: its schemas, and whether it widens authority (`security.md` S7). */
export interface RequestSpec<In extends z.ZodType = z.ZodType, Out extends z.ZodType = z.ZodType> {
  readonly input: In;
  readonly output: Out;
  /**
   * True where the answer lets an agent do more than before (answer, share, token, resume, …). From the control socket
   * such a request is refused with `answers_elsewhere` while a window or browser front is up, unless the person
   * switched on "the command line may decide".
   */
  readonly widens: boolean;
}

function request<In extends z.ZodType, Out extends z.ZodType>(
  input: In,
  output: Out,
  options: { widens?: boolean } = {},
): RequestSpec<In, Out> {
  return { input, output, widens: options.widens ?? false };
}

const nothing = z.strictObject({});
/** A server as a person names it: its name or its slug. */
const serverName = z.string().min(1).max(200);

/** How a server is added: a command on this machine, or a URL. */
export const serverSpec = z.strictObject({
  name: z.string().min(1).max(80),
  command: z.string().min(1).max(4_096).optional(),
  args: z.array(z.string().max(32_768)).max(256).optional(),
  /** Values of environment variables; they go to the secrets store at once and are never read back. */
  env: z.record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/), z.string().max(32_768)).optional(),
  url: z.string().max(4_096).optional(),
  /** Headers that go with each request to `url`, for servers with their own credentials; values go to secrets at once. */
  headers: z.record(z.string().regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$/), z.string().max(32_768)).optional(),
  /** Certificates in PEM: what `url` shows must come from one of these. */
  ca: z.string().max(262_144).optional(),
  source: z.string().max(200).optional(),
});

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
/** Names a found server and what was shown of it. */
const foundName = {
  source: z.string().min(1).max(4_200),
  file: z.string().min(1).max(4_096),
  /** As in the file. */
  found: z.string().min(1).max(1_000),
  /** What was shown; refused with `found_stale` where the file says something else by now. */
  digest: z.string(),
};
/** Values that nobody but the person knows, by name of variable or header. */
const typedValues = z.record(z.string().max(200), z.string().max(32_768)).optional();

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

/** Limits of the log, and what is in it. */
const logKeptView = z.object({
  days: z.number().int(),
  bytes: z.number().int(),
  usedBytes: z.number().int(),
  /** When the oldest entry that is kept was written. */
  oldest: instant.optional(),
});

/** Every request by name. */
export const requests = {
  'status.get': request(nothing, statusView),
  'ui.address': request(nothing, z.object({ url: z.string() })),

  /** Where this installation keeps its things, for the Settings page. */
  'app.about': request(
    nothing,
    z.object({
      dataDir: z.string(),
      /** What seals new secrets: `keyfile`, or `safe-storage:<backend>` (`security.md` S21). */
      sealer: z.string(),
      storage: z.object({ logBytes: z.number().int(), totalBytes: z.number().int() }),
      /** Whether this desktop shows tray icons; absent where no desktop shell runs. */
      trayShown: z.boolean().optional(),
    }),
  ),

  /**
   * The doctor's findings from the `from`th on, as soon as there is one more: a front asks again until `done`. 0 begins
   * anew unless somebody's examination is under way. `report` is safe to paste in public.
   */
  'doctor.look': request(
    z.strictObject({ from: z.number().int().min(0).max(1_000) }),
    z.object({ checks: z.array(checkView), done: z.boolean(), report: z.string().optional() }),
  ),

  'servers.list': request(nothing, z.object({ servers: z.array(serverView) })),
  'servers.add': request(serverSpec, z.object({ name: z.string(), slug }), { widens: true }),
  /** Reads the settings of other programs on this machine. Starts and changes nothing. */
  'servers.discover': request(
    nothing,
    z.object({
      found: z.array(foundServer),
      /** Files that are there and could not be read. */
      unreadable: z.array(z.object({ source: z.string(), file: z.string(), why: z.string() })),
    }),
  ),
  /** Asks each port of this person on loopback once whether an MCP server answers; only ever asked for by a person. */
  'servers.scan': request(
    nothing,
    z.object({ found: z.array(foundServer), ports: z.number().int(), problem: z.string().optional() }),
  ),
  /** Takes a found server over, as it was shown. Nothing runs by this. */
  'servers.import': request(
    z.strictObject({ ...foundName, name: z.string().min(1).max(80).optional(), values: typedValues }),
    z.object({ name: z.string(), slug }),
    { widens: true },
  ),
  /** Takes over what the file of an imported server says by now. Its tools keep their pins: what differs is blocked. */
  'servers.adopt': request(
    z.strictObject({ server: serverName, digest: z.string(), values: typedValues }),
    z.object({ name: z.string(), slug }),
    { widens: true },
  ),
  /** Ticks or unticks what a server offers besides tools, and what it may ask agents for; what is left out stays as it is. */
  'servers.features': request(
    z.strictObject({
      server: serverName,
      resources: z.boolean().optional(),
      prompts: z.boolean().optional(),
      elicitation: z.boolean().optional(),
      sampling: z.boolean().optional(),
      roots: z.boolean().optional(),
    }),
    z.object({ server: slug, features: z.array(z.enum(serverFeatures)) }),
    { widens: true },
  ),
  /** Walls a server in, or takes the walls away (`isolation` absent); it starts anew with its next call. */
  'servers.isolate': request(
    z.strictObject({
      server: serverName,
      isolation: z
        .strictObject({
          read: z.array(z.string().min(1).max(4_096)).max(100).default([]),
          write: z.array(z.string().min(1).max(4_096)).max(100).default([]),
          network: z.boolean().default(false),
          environmentOnly: z.boolean().default(false),
        })
        .optional(),
    }),
    z.object({ server: slug, isolation: isolationView.optional() }),
    { widens: true },
  ),
  /** Whether this machine can wall servers in, and if not, why and what to do. */
  'servers.isolation': request(
    nothing,
    z.object({ ok: z.boolean(), why: z.string().optional(), hint: z.string().optional() }),
  ),
  /**
   * Marks a server's results as private, or takes the mark away. A way whose middle reads does not offer it then, unless `readable`
   * says so: the second step.
   */
  'servers.private': request(
    z.strictObject({ server: serverName, private: z.boolean(), readable: z.boolean().optional() }),
    z.object({ server: slug, private: z.boolean(), readable: z.boolean() }),
    { widens: true },
  ),
  /** Approves a prompt, a template or the instructions of a server as they are now; `pin` names what was shown. */
  'servers.approveOffer': request(
    z.strictObject({
      server: serverName,
      kind: z.enum(['prompt', 'template', 'instructions']),
      name: z.string().max(4_096),
      pin: z.string().max(100),
    }),
    z.object({ server: slug }),
    { widens: true },
  ),
  /** What is done with results of a server; what is left out stays as it is. */
  'servers.results': request(
    z.strictObject({
      server: serverName,
      secrets: z.enum(['mask', 'pass']).optional(),
      unseen: z.enum(['report', 'remove']).optional(),
    }),
    z.object({ server: slug, secrets: z.enum(['mask', 'pass']), unseen: z.enum(['report', 'remove']) }),
    { widens: true },
  ),
  /** Results that were masked or withheld within the last ten minutes. */
  'results.list': request(
    nothing,
    z.object({
      results: z.array(
        z.object({
          /** Of the call, as in the log. */
          id: z.string(),
          at: instant,
          until: instant,
          agent: z.object({ id: z.string(), name: z.string() }),
          server: slug,
          tool: z.string(),
          kinds: z.array(z.string()),
          withheld: z.boolean(),
        }),
      ),
    }),
  ),
  /** The original of one, for the person's eyes: an outsider's JSON text with its secrets. */
  'results.reveal': request(
    z.strictObject({ id: z.string().min(1) }),
    z.object({ id: z.string(), text: z.string(), kinds: z.array(z.string()) }),
    { widens: true },
  ),
  /** Lets the agent have the original: its next identical call gets it, once, without running again. */
  'results.send': request(z.strictObject({ id: z.string().min(1) }), z.object({ id: z.string() }), { widens: true }),
  'servers.remove': request(z.strictObject({ server: serverName }), z.object({ name: z.string() })),
  'servers.share': request(
    z.strictObject({
      server: serverName,
      waitMs: z.number().int().positive().max(600_000).optional(),
      /** The second step for a server whose folder holds Sallyport's own files (`holds_own_files` without it). */
      overOwnFiles: z.boolean().optional(),
    }),
    z.object({
      name: z.string(),
      url: z.string(),
      resource: z.string(),
      tools: z.array(toolView.pick({ name: true, class: true, access: true })),
    }),
    { widens: true },
  ),
  /**
   * Sallyport's own sign-in at an HTTP server, in two steps: without `agree` it says where that would be and for what,
   * with the digest of that it registers there and gives the page to open (`reference/mcp.md` §6, consent before redirect).
   */
  'servers.authorize': request(
    z.strictObject({
      server: serverName,
      agree: z.string().max(100).optional(),
      /** A client that was registered by hand, and the loopback port that its redirect names. */
      clientId: z.string().min(1).max(2_000).optional(),
      clientSecret: z.string().min(1).max(4_096).optional(),
      port: z.number().int().min(1).max(65_535).optional(),
    }),
    z.discriminatedUnion('step', [
      z.object({
        step: z.literal('consent'),
        server: slug,
        digest: z.string(),
        /** The authorization server. */
        issuer: z.string(),
        /** Origin of the page that the browser would open. */
        page: z.string(),
        scopes: z.array(z.string()),
        resource: z.string().optional(),
        client: z.enum(['given', 'registers']),
      }),
      z.object({ step: z.literal('browser'), server: slug, url: z.string(), expiresAt: instant }),
    ]),
    { widens: true },
  ),
  /** Waits until the browser of `servers.authorize` came back. */
  'servers.authorized': request(
    z.strictObject({ server: serverName }),
    z.object({ server: slug, scopes: z.array(z.string()) }),
  ),
  /** Gives Sallyport's own tokens at a server back and forgets them. */
  'servers.signOut': request(z.strictObject({ server: serverName }), z.object({ server: slug })),
  'servers.unshare': request(z.strictObject({ server: serverName }), z.object({ name: z.string() })),
  /** Adds and shares the sample server that ships with the app, if it is not there yet. */
  'servers.try': request(nothing, z.object({ name: z.string(), slug, url: z.string() }), { widens: true }),

  /** Shares the sample server and lets an agent in another process call it once, by the public door (`ui.md`, First run). */
  'servers.firstCall': request(nothing, firstCallView, { widens: true }),

  'tools.list': request(z.strictObject({ server: serverName }), z.object({ server: slug, tools: z.array(toolView) })),
  /** Sets a tool's access; on a new or changed tool, anything but `off` approves the definition with that `pin`. */
  'tools.set': request(
    z.strictObject({
      server: serverName,
      tool: z.string().min(1),
      access: z.enum(toolAccesses),
      /** The pin that was shown; a definition that changed since is refused with `pin_stale`. */
      pin: z.string().optional(),
    }),
    z.object({ server: slug, tool: toolView }),
    { widens: true },
  ),

  'agents.list': request(nothing, z.object({ agents: z.array(agentView) })),
  /** Mints a bearer token for one shared server. The token is in the answer and nowhere else. */
  'agents.token': request(
    z.strictObject({
      server: serverName,
      name: z.string().min(1).max(80).optional(),
      ttlMs: z
        .number()
        .int()
        .positive()
        .max(366 * 86_400_000)
        .optional(),
      tools: z.array(z.string().min(1)).max(200).optional(),
    }),
    z.object({
      id: z.string(),
      token: z.string(),
      resource: z.string(),
      server: slug,
      scope: z.string(),
      expiresAt: instant,
    }),
    { widens: true },
  ),
  /** Pauses one agent: its tokens stay valid and answer "paused", over restarts, until a person resumes it. */
  'agents.pause': request(
    z.strictObject({ id: z.string().min(1), reason: z.string().min(1).max(500).optional() }),
    z.object({ id: z.string(), at: instant }),
  ),
  'agents.resume': request(z.strictObject({ id: z.string().min(1) }), z.object({ id: z.string() }), { widens: true }),

  /** Planted values: an agent that sends one anywhere is stopped and paused. */
  'canaries.list': request(
    nothing,
    z.object({
      canaries: z.array(
        z.object({
          id: z.string(),
          note: z.string(),
          at: instant,
          /** Its first characters: the whole is shown once, when it is made. */
          begins: z.string(),
        }),
      ),
    }),
  ),
  'canaries.add': request(
    z.strictObject({
      /** Where it is planted, in the person's words. */
      note: z.string().min(1).max(200),
      /** Default: one that is made. */
      value: z.string().min(1).max(400).optional(),
    }),
    z.object({ id: z.string(), value: z.string() }),
  ),
  'canaries.remove': request(z.strictObject({ id: z.string().min(1) }), z.object({ id: z.string() }), { widens: true }),
  'agents.revoke': request(z.strictObject({ id: z.string().min(1) }), z.object({ id: z.string() })),

  /**
   * Gives an agent a name of the person's own; `id` is the agent's, or that of something it holds. It widens where a rule
   * goes by the name of a token (`docs/policy.md`).
   */
  'agents.rename': request(
    z.strictObject({ id: z.string().min(1), name: z.string().trim().min(1).max(80) }),
    z.object({ id: z.string(), name: z.string() }),
    { widens: true },
  ),
  /** Narrows a grant or a token: to its reads, or to some of its tools. It never widens. */
  'agents.narrow': request(
    z.strictObject({
      id: z.string().min(1),
      tools: z.union([z.literal('reads'), z.array(z.string().min(1)).max(200)]),
    }),
    z.object({ id: z.string(), scope: z.string() }),
  ),
  /** *Let an agent in*: for a while, one new agent may ask. `forMs` 0 ends it. */
  'agents.letIn': request(
    z.strictObject({ forMs: z.number().int().min(0).max(3_600_000).default(600_000) }),
    doorView,
    { widens: true },
  ),
  'agents.unblock': request(z.strictObject({ id: z.string().min(1) }), doorView, { widens: true }),

  'consents.list': request(nothing, z.object({ consents: z.array(consentView), door: doorView })),
  /** Answers an OAuth request. `allow` releases nothing before its code was typed into the waiting page. */
  'consents.answer': request(
    z.strictObject({
      id: z.string().min(1),
      answer: z.enum(['allow', 'deny', 'block']),
      /** What of the request is allowed. */
      tools: z.union([z.enum(['all', 'reads']), z.array(z.string().min(1)).min(1).max(200)]).default('all'),
    }),
    z.object({ id: z.string(), answer: z.enum(['allow', 'deny', 'block']), code: z.string().optional() }),
    { widens: true },
  ),

  'approvals.list': request(
    nothing,
    z.object({ approvals: z.array(approvalView), remembered: z.array(rememberedView) }),
  ),
  'approvals.answer': request(
    z.strictObject({
      id: z.string().min(1),
      /** The digest that was shown; another one is refused with `approval_stale`. */
      digest: z.string().optional(),
      answer: z.enum(['allow', 'deny']),
      scope: z.enum(approvalScopes).default('call'),
      for: z.enum(approvalDurations).default('once'),
      reason: z.string().max(2_000).optional(),
      /** JSON text of other arguments to run instead, for `allow` once. They are judged anew, deny rules included. */
      arguments: z.string().max(4_194_304).optional(),
    }),
    z.object({
      id: z.string(),
      answer: z.enum(['allow', 'deny']),
      scope: z.enum(approvalScopes),
      for: z.enum(approvalDurations),
    }),
    { widens: true },
  ),
  /** By which ways a question would reach a person now: open windows and pages, the tray, and the command line. */
  'approvals.reach': request(
    nothing,
    z.object({
      windows: z.number().int(),
      pages: z.number().int(),
      /** Whether a desktop's tray is up, which opens prompts by itself. */
      desk: z.boolean(),
      commandLine: z.boolean(),
      /** Version of the app that answers. */
      version: z.string(),
    }),
  ),
  'approvals.forget': request(z.strictObject({ id: z.string().min(1) }), z.object({ id: z.string() })),

  /** The rules in force, as the person wrote them. */
  'policy.show': request(nothing, z.object({ path: z.string(), text: z.string(), rules: z.number().int() })),
  /** Rules that would have answered what the person answered by hand, from the recorded calls of the last days. */
  'policy.propose': request(
    z.strictObject({ days: z.int().min(1).max(366).optional() }),
    z.object({
      proposals: z.array(
        z.object({
          id: z.string(),
          /** `These 14 calls of write_file by Claude all stayed under ~/notes.` */
          sentence: z.string(),
          /** As it would stand in the rules file, YAML. */
          text: z.string(),
          agent: z.object({ id: z.string(), name: z.string() }),
          server: z.string(),
          tool: z.string(),
          calls: z.number().int(),
          since: instant,
        }),
      ),
    }),
  ),
  /** Adds proposed rules to the rules file, as `policy.propose` over the same days gives them, and puts it in force. */
  'policy.adopt': request(
    z.strictObject({
      ids: z.array(z.string().min(1).max(80)).min(1).max(50),
      days: z.int().min(1).max(366).optional(),
    }),
    z.object({ path: z.string(), rules: z.number().int() }),
    { widens: true },
  ),
  /** Checks a rules file and puts it in force. `name` is how messages call it. */
  'policy.set': request(
    z.strictObject({ text: z.string().max(1_048_576), name: z.string().max(4_096).optional() }),
    z.object({ path: z.string(), rules: z.number().int() }),
    { widens: true },
  ),

  'log.list': request(
    z.strictObject({
      limit: z.number().int().positive().max(1_000).default(100),
      server: slug.optional(),
      since: instant.optional(),
      /** Rows with a smaller `seq` only: the `next` of the page before. */
      before: z.number().int().positive().optional(),
      /** Words that must all appear in arguments, tool, server or agent; words are found from their beginning on. */
      text: z.string().max(500).optional(),
      /** Name or id of an agent. */
      agent: z.string().max(200).optional(),
      tool: z.string().max(200).optional(),
      /** What was decided, before anybody was asked. */
      decision: z.enum(['allow', 'ask', 'deny']).optional(),
      outcome: z.enum(outcomes).optional(),
      /** Not newer. */
      until: instant.optional(),
    }),
    z.object({ rows: z.array(logRow), next: z.number().int().optional() }),
  ),
  'log.show': request(z.strictObject({ id: z.string().min(1) }), z.object({ row: logDetail })),
  'log.verify': request(
    nothing,
    z.object({
      ok: z.boolean(),
      rows: z.number().int(),
      first: instant.optional(),
      last: instant.optional(),
      /** The first bad entry: what was changed or removed, the first one that is missing at the end, or a seal's. */
      badSeq: z.number().int().optional(),
      why: z.string().optional(),
      damage: z.enum(['changed', 'removed', 'cut', 'checkpoint']).optional(),
      /** Signed checkpoints that fit. */
      checkpoints: z.number().int(),
      /** Whether this installation's key was there to check them: `unproven` = by the key that the file names. */
      signedBy: z.enum(['us', 'unproven', 'nobody']),
      /** What retention took away, as its seal says. */
      removed: z.object({ entries: z.number().int(), upTo: instant }).optional(),
    }),
  ),
  /** How much of the log is kept, and how much there is. */
  'log.kept': request(nothing, logKeptView),
  /** Sets how much is kept; what is beyond that goes at once, for good. */
  'log.keep': request(
    z.strictObject({
      days: z.number().int().min(1).max(3_650).optional(),
      /** At least 1 MiB. */
      bytes: z.number().int().min(1_048_576).max(1_099_511_627_776).optional(),
    }),
    logKeptView,
    { widens: true },
  ),

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

  pause: request(nothing, z.object({ paused: z.literal(true), at: instant, endedStreams: z.number().int() })),
  resume: request(nothing, z.object({ paused: z.literal(false), at: instant, endedStreams: z.number().int() }), {
    widens: true,
  }),

  'settings.get': request(nothing, z.object({ cliMayDecide: z.boolean(), openAtLogin: z.boolean() })),
  'settings.set': request(
    z.strictObject({ cliMayDecide: z.boolean().optional(), openAtLogin: z.boolean().optional() }),
    z.object({ cliMayDecide: z.boolean(), openAtLogin: z.boolean() }),
    { widens: true },
  ),
} as const satisfies Record<string, RequestSpec>;

/** Name of a request. */
export type RequestName = keyof typeof requests;
/** What a request takes, before defaults are filled in. */
export type RequestInput<Name extends RequestName> = z.input<(typeof requests)[Name]['input']>;
/** What a request answers. */
export type RequestOutput<Name extends RequestName> = z.output<(typeof requests)[Name]['output']>;

/** What every front shows at all times; small enough to send whole (log rows travel apart). */
export const appState = z.object({
  version: z.string(),
  status: statusView,
  paused: z.object({ at: instant, why: z.string().optional() }).optional(),
  tunnel: tunnelView,
  servers: z.array(serverView),
  approvals: z.array(approvalView),
  remembered: z.array(rememberedView),
  agents: z.array(agentView),
  consents: z.array(consentView),
  door: doorView,
  settings: z.object({ cliMayDecide: z.boolean(), openAtLogin: z.boolean() }),
});
/** See {@link appState}. */
export type AppState = z.infer<typeof appState>;

/** Every event by name, each a topic that a front subscribes to. */
export const events = {
  /** First the whole state with its revision, then patches of whole slices; a gap means: subscribe again. */
  state: z.union([
    z.object({ rev: z.number().int(), state: appState }),
    z.object({ rev: z.number().int(), patch: appState.partial() }),
  ]),
  /** New and changed log rows, batched; `dropped` counts rows left out of this view (never out of the log). */
  log: z.object({ rows: z.array(logRow), dropped: z.number().int() }),
  /** What happens to prompts, one event each. */
  approvals: z.object({
    type: z.enum(['opened', 'changed', 'closed']),
    approval: approvalView,
    by: z.string().optional(),
    answer: z.enum(['allow', 'deny', 'expired', 'withdrawn']).optional(),
  }),
} as const satisfies Record<string, z.ZodType>;

/** Name of an event topic. */
export type EventName = keyof typeof events;
/** What an event carries. */
export type EventPayload<Name extends EventName> = z.output<(typeof events)[Name]>;

/** What a front sends, one JSON object a message (WebSocket) or line (control socket). */
export const clientFrame = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('request'),
    id: z.number().int().nonnegative(),
    name: z.string(),
    input: z.unknown(),
  }),
  z.strictObject({ type: z.literal('subscribe'), topic: z.string() }),
  z.strictObject({ type: z.literal('unsubscribe'), topic: z.string() }),
]);
/** See {@link clientFrame}. */
export type ClientFrame = z.infer<typeof clientFrame>;

/** What the core sends back. */
export const serverFrame = z.discriminatedUnion('type', [
  z.object({ type: z.literal('answer'), id: z.number().int(), ok: z.literal(true), value: z.unknown() }),
  z.object({ type: z.literal('failure'), id: z.number().int(), ok: z.literal(false), error: errorShape }),
  z.object({ type: z.literal('event'), topic: z.string(), payload: z.unknown() }),
]);
/** See {@link serverFrame}. */
export type ServerFrame = z.infer<typeof serverFrame>;

/** What every front can do: ask, and listen. The renderer sees nothing else. */
export interface ContractClient {
  /** Sends a request. @throws SallyportError as the core answered it */
  request<Name extends RequestName>(name: Name, input: RequestInput<Name>): Promise<RequestOutput<Name>>;
  /** Listens to a topic until the function returned is called. */
  subscribe<Name extends EventName>(topic: Name, listener: (payload: EventPayload<Name>) => void): () => void;
}
