import type { JsonObject } from '../../shared/json-tree.ts';
import type { Reach } from './http/upstream-address.ts';
import type { Isolation } from './stdio/isolation.ts';
import type { UpstreamSession } from './upstream-session.ts';

/** How a server is reached; exactly what the person confirmed. */
export type ServerTarget =
  | {
      readonly kind: 'stdio';
      readonly command: string;
      readonly args: readonly string[];
      /** Names of the environment variables whose values are in secrets under `server-env:<slug>:<NAME>`. */
      readonly env: readonly string[];
      /** Working directory. Default: the home directory. */
      readonly cwd?: string | undefined;
    }
  | {
      readonly kind: 'http';
      readonly url: string;
      /** Names of headers whose values are in secrets under `server-header:<slug>:<name>`. */
      readonly headers?: readonly string[] | undefined;
      /** Certificates in PEM that its own must come from, in place of the system's. */
      readonly ca?: string | undefined;
    };

/** Where a server was taken over from. */
export interface ServerOrigin {
  readonly file: string;
  /** Its name in that file. */
  readonly entry: string;
  /** What the file said then (`targetDigest`). */
  readonly digest: string;
}

/** A server as settings keep it. */
export interface ServerRecord {
  readonly slug: string;
  readonly name: string;
  readonly target: ServerTarget;
  readonly shared: boolean;
  /** Where it was found, for instance `Claude Desktop`; absent when typed in. */
  readonly source?: string;
  /** What besides tools agents may use; absent = nothing (`security.md` S9). */
  readonly features?: readonly string[] | undefined;
  /** What is done with its results: secrets and characters that nobody sees. Absent = masked, and reported. */
  readonly results?: { readonly secrets: 'mask' | 'pass'; readonly unseen: 'report' | 'remove' } | undefined;
  /** How far its address lies, since it was first connected to (HTTP). */
  readonly reach?: Reach | undefined;
  /** What it may have of this machine, where the person walled it in; absent = all that the person has (stdio). */
  readonly isolation?: Isolation | undefined;
  /** Its results are private: a way whose middle reads does not offer it unless {@link offeredReadable}. */
  readonly private?: boolean | undefined;
  /** The person said in a second step that such a way may offer it all the same; ends with the sharing. */
  readonly offeredReadable?: boolean | undefined;
  /** Present where it was taken over from another program's file. */
  readonly origin?: ServerOrigin | undefined;
}

/** How a server does right now. */
export interface ServerHealth {
  readonly state: 'stopped' | 'starting' | 'ready' | 'crashed' | 'wrong-output' | 'needs-authorization';
  readonly era?: 'legacy' | 'modern';
  /** What went wrong last, in words, with the server's last words on stderr. An outsider's text. */
  readonly lastError?: string;
  /** Children or HTTP sessions open. */
  readonly sessions: number;
}

/** How a conversation is opened; counts only where it is not open yet. */
export interface ConnectOptions {
  /** What a legacy server is told at the start that it may ask for. Default: nothing. */
  readonly capabilities?: JsonObject;
  /** Speaks the old era where the server knows both: then nothing has to be bridged for a client of that era. */
  readonly preferLegacy?: boolean;
}

/** The station that owns every conversation with local MCP servers. */
export interface Servers {
  /**
   * The conversation for `key` (an MCP session, or an agent), opened on first use: the era is probed once per server and
   * cached. Ends when idle for 30 min.
   * @throws SallyportError at hop `server`: `server_not_found`, `server_not_ready` (does not exist, exits at once, prints
   *   no JSON, never answers; with its last words), `server_busy` naming the limit (8 a server, 32 in all)
   */
  connect(record: ServerRecord, key: string, options?: ConnectOptions): Promise<UpstreamSession>;
  health(slug: string): ServerHealth;
  /** After each change of any health; the function returned ends that. */
  onChange(listener: (slug: string) => void): () => void;
  /** What a server wrote on stderr, a line at a time, secrets of its own environment already replaced. */
  onStderr(listener: (slug: string, line: string) => void): () => void;
  /** Ends the conversation of one key, if there is one. */
  end(slug: string, key: string): Promise<void>;
  /** Ends every conversation with one server (unshare, remove, pause), children within `graceMs` (default 5 000). */
  stop(slug: string, graceMs?: number): Promise<void>;
  stopAll(graceMs?: number): Promise<void>;
}
