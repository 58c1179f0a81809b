import type { Preferences } from '../../shared/views.ts';
import type { ServerRecord } from '../servers/servers.ts';

/** Where settings are kept: implemented with `electron-store` by the shell and with `conf` elsewhere, the same file. */
export interface SettingsFile {
  /** The whole document, `undefined` if there is none yet. */
  read(): unknown;
  /** Replaces the whole document: temp file, fsync, rename. */
  write(document: Record<string, unknown>): void;
}

/** What settings keep of a tunnel of Anthropic's. */
export interface AnthropicTunnel {
  /** Domain of the tunnel, for instance `abcd1234.tunnel.anthropic.com`; servers are one label below it. */
  readonly domain: string;
  /**
   * Who holds the connections to the tunnel's edge: a `cloudflared` that Sallyport runs, one that the person runs
   * (`listener`), or the connector of our own (`native`, experimental).
   */
  readonly mode: 'cloudflared' | 'listener' | 'native';
  /** Loopback port of the listener where it was chosen; else any free one. */
  readonly listen?: number;
  /** The `cloudflared` to run where one was chosen; else the one on the PATH. */
  readonly cloudflared?: string;
  /** Servers that are reached by a whole host name instead of `<slug>.<domain>`: host to slug. */
  readonly hosts?: Readonly<Record<string, string>>;
  /** Edge addresses `host:port` in place of those found by DNS. */
  readonly edges?: readonly string[];
  /** CA in PEM that the edge is checked against besides the system's. */
  readonly edgeCa?: string;
  /** Where a configuration that was pushed from outside led: nothing is started again before the person chose this way anew. */
  readonly overridden?: string;
  /** Transport of the cloudflared that Sallyport runs, default `http2`; `auto` = QUIC where UDP gets through. */
  readonly protocol?: 'http2' | 'quic' | 'auto';
}

/** How Anthropic's Tunnels API is reached, and what was set up by it. Tokens are in secrets. */
export interface AnthropicApi {
  /** Origin of the API. */
  readonly url: string;
  readonly generation: 'workspace' | 'organization';
  /** `tnl_…` that was made or attached. */
  readonly tunnelId?: string | undefined;
  /** Display name of a tunnel whose making was begun and not yet seen to end: a second run looks for it. */
  readonly making?: string | undefined;
  /** Domain of that tunnel. */
  readonly domain?: string | undefined;
  /** `tcrt_…` under which this machine's authority is registered, and its SHA-256 in lower-case hex. */
  readonly certificateId?: string | undefined;
  readonly fingerprint?: string | undefined;
  /** Workload identity federation in place of a token. */
  readonly federation?:
    | {
        readonly rule: string;
        readonly organization: string;
        readonly serviceAccount?: string | undefined;
        readonly workspace?: string | undefined;
        /** File of the identity token, read anew at each exchange; else it is in secrets. */
        readonly identityFile?: string | undefined;
      }
    | undefined;
}

/** The settings document, version 1. No secret is ever in it. */
export interface SettingsData {
  readonly schemaVersion: 1;
  /** Agents of which nothing runs until a person resumes them. */
  readonly pausedAgents?:
    | readonly { readonly id: string; readonly name: string; readonly at: string; readonly why: string }[]
    | undefined;
  readonly servers: readonly ServerRecord[];
  readonly tunnel: {
    readonly way: 'embedded' | 'edge' | 'forward' | 'openai' | 'anthropic';
    /** Domain of every URL: `localhost` for the embedded edge. */
    readonly domain: string;
    /** The edge that was joined and the domain it gave; kept while another way is in use. */
    readonly edge?: {
      readonly host: string;
      readonly port: number;
      readonly caPin: string;
      /** Pins of further authorities that the edge named while it changes its own. */
      readonly caPins?: readonly string[] | undefined;
      readonly domain: string;
    };
    /** The public name and port that a forwarder of the person's brings; kept while another way is in use. */
    readonly forward?: { readonly host: string; readonly port: number };
    /** Where the public certificate of a domain is ordered; without it the app's own authority signs. */
    readonly certificate?: {
      readonly domain: string;
      /** ACME directory. */
      readonly directory: string;
      readonly email?: string | undefined;
      readonly termsAgreed: boolean;
    };
    /** OpenAI's tunnel as it was last used; the runtime key is a secret and not here. */
    readonly openai?: {
      readonly tunnelId: string;
      readonly baseUrl: string;
      readonly organization?: string | undefined;
      /** Slug of the server on the channel `main`. */
      readonly main?: string | undefined;
      /** `oauth` = agents need a token of ours; `tunnel` = the person relies on OpenAI's own access control. */
      readonly access: 'oauth' | 'tunnel';
    };
    /** Anthropic's tunnel, kept while another way is in use. Its token is in secrets. */
    readonly anthropic?: AnthropicTunnel;
    readonly anthropicApi?: AnthropicApi;
  };
  /**
   * The way out, where the environment is not to decide: a proxy's URL or `direct`, exceptions as in `NO_PROXY`, a file of CAs. The
   * proxy's credentials are a secret and not here.
   */
  readonly network?:
    | {
        readonly proxy?: string | undefined;
        readonly noProxy?: string | undefined;
        readonly caFile?: string | undefined;
      }
    | undefined;
  /** Ports in use; `chosen` = typed by the person or remembered with something shared: a busy one is then an error. */
  readonly ports: {
    readonly edge: { readonly port: number; readonly chosen: boolean };
    readonly ui: { readonly port: number; readonly chosen: boolean };
    /** The authorization endpoint on loopback, once it was opened at another port than its usual one. */
    readonly authorize?: { readonly port: number; readonly chosen: boolean };
  };
  readonly paused?: { readonly at: string; readonly why?: string | undefined };
  /** How much of the request log is kept; absent = the defaults. */
  readonly log?: { readonly days: number; readonly bytes: number };
  readonly cliMayDecide: boolean;
  readonly openAtLogin: boolean;
  /** Absent = the default: see {@link preferencesOf}. */
  readonly lockEndsSessions?: boolean | undefined;
  readonly awayAfterMinutes?: number | undefined;
  readonly promptSound?: boolean | undefined;
}

/** What the person chose, with the defaults of what was never touched. */
export function preferencesOf(settings: SettingsData): Preferences {
  const { cliMayDecide, openAtLogin, lockEndsSessions = true, awayAfterMinutes = 10, promptSound = false } = settings;
  return { cliMayDecide, openAtLogin, lockEndsSessions, awayAfterMinutes, promptSound };
}

/** The settings station: one validated document, changed as a whole. */
export interface Settings {
  get(): SettingsData;
  /** Stores what `change` makes of the current document, then tells listeners. @throws SallyportError `settings_unwritable` */
  update(change: (current: SettingsData) => SettingsData): SettingsData;
  onChange(listener: (settings: SettingsData) => void): () => void;
}
