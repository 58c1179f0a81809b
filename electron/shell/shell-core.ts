import type { Dispatcher } from '../core/fronts/dispatcher.ts';
import type { Presence } from '../core/presence/presence.ts';
import type { Sealer } from '../core/secrets/secrets.ts';
import type { SettingsFile } from '../core/settings/settings.ts';
import type { Updates } from '../shared/updates.ts';

/** All that the shell knows of the core. */
export interface ShellCore {
  /** The contract: requests, and sessions that hear of events. */
  readonly dispatcher: Dispatcher;
  /** Drains and ends everything: connections, children, files. Called once. */
  stop(): Promise<void>;
  /** Dials the tunnel again at once, instead of waiting for the next try: after sleep, or a change of network. */
  retryTunnel(): void;
  /** Told of what the person does: the screen locked or unlocked, how long nobody touched anything. */
  readonly presence: Pick<Presence, 'lock' | 'idle' | 'leave' | 'comeBack' | 'present'>;
}

/** What the shell brings along for the core. */
export interface ShellCoreDeps {
  /** Absolute path of the data folder. It exists; nobody holds it yet. */
  readonly dataDir: string;
  /**
   * The system's keyring, where there is a real one: it seals new secrets. Without it the key file does, as in headless
   * runs; what the key file sealed before opens either way (`security.md` S21).
   */
  readonly keyring: Sealer | undefined;
  /** Command and arguments that run our own command line, for helper processes. */
  readonly selfCommand: readonly string[];
  /** Whether this desktop shows tray icons; told on the Settings page. */
  readonly trayShown: boolean;
  readonly updates: Updates;
  /** Opens the settings with electron-store; called after the settings station has checked the file. */
  readonly openSettingsFile: () => SettingsFile;
}

/**
 * Builds and starts the core; resolves when it is ready.
 * @throws SallyportError where it cannot start: `already_running`, `port_in_use`, …
 */
export type StartCore = (deps: ShellCoreDeps) => Promise<ShellCore>;
