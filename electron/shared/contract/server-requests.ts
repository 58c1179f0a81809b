import * as z from 'zod';
import { firstCallView, foundServer, instant, serverView, slug, toolView } from '../views.ts';
import { nothing, request, serverName } from './request-spec.ts';

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

/** Requests about servers: finding, adding, sharing and signing in. */
export const serverRequests = {
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
} as const;
