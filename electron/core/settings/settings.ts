import type { ServerRecord } from '../servers/servers.ts';

/** Where settings are kept: implemented with `electron-store` by the shell and with `conf` elsewhere, the same file. */
export interface SettingsFile {
  /** The whole document, `undefined` if there is none yet. */
  read(): unknown;
  /** Replaces the whole document: temp file, fsync, rename. */
  write(document: Record<string, unknown>): void;
}

/** The settings document, version 1. No secret is ever in it. */
export interface SettingsData {
  readonly schemaVersion: 1;
  readonly servers: readonly ServerRecord[];
  readonly tunnel: {
    readonly way: 'embedded' | 'edge' | 'openai';
    /** Domain of every URL: `localhost` for the embedded edge. */
    readonly domain: string;
    /** The edge that was joined and the domain it gave; kept while another way is in use. */
    readonly edge?: {
      readonly host: string;
      readonly port: number;
      readonly caPin: string;
      readonly domain: string;
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
  };
  /** Ports in use; `chosen` = typed by the person or remembered with something shared: a busy one is then an error. */
  readonly ports: {
    readonly edge: { readonly port: number; readonly chosen: boolean };
    readonly ui: { readonly port: number; readonly chosen: boolean };
  };
  readonly paused?: { readonly at: string };
  readonly cliMayDecide: boolean;
  readonly openAtLogin: boolean;
}

/** The settings station: one validated document, changed as a whole. */
export interface Settings {
  get(): SettingsData;
  /** Stores what `change` makes of the current document, then tells listeners. @throws SallyportError `settings_unwritable` */
  update(change: (current: SettingsData) => SettingsData): SettingsData;
  onChange(listener: (settings: SettingsData) => void): () => void;
}
