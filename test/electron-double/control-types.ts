/** What the runner asks of the double. */
export type Command =
  | { readonly type: 'state' | 'port' }
  /** Without an id: the icon itself. */
  | { readonly type: 'click-tray'; readonly id?: string }
  /** Without an action: the notification itself; else its button of that number. */
  | { readonly type: 'click-notification'; readonly index: number; readonly action?: number }
  | { readonly type: 'press-shortcut'; readonly keys: string }
  /** macOS hands a link over as an event. */
  | { readonly type: 'open-url'; readonly url: string }
  | { readonly type: 'power'; readonly event: 'suspend' | 'resume' | 'lock-screen' | 'unlock-screen' }
  | { readonly type: 'close-window' | 'blur-window' | 'reload-window'; readonly targetId: string }
  /** A message to a channel as if it came from there; no `targetId`: web contents that nobody knows. */
  | {
      readonly type: 'invoke-as';
      readonly targetId?: string;
      readonly frame?: { readonly url: string; readonly main: boolean };
      readonly channel: string;
      readonly args: readonly unknown[];
    }
  | { readonly type: 'permission'; readonly name: string };

/** One line of the tray's menu. */
export interface MenuLine {
  readonly id: string;
  readonly label: string;
  readonly enabled: boolean;
  readonly checked?: boolean;
  readonly items?: readonly MenuLine[];
}

/** What is on the desk. */
export interface DeskState {
  readonly sandboxed: boolean;
  readonly channels: readonly string[];
  readonly windows: readonly {
    readonly targetId: string;
    readonly url: string;
    readonly visible: boolean;
    readonly focused: boolean;
    readonly alwaysOnTop: boolean;
    readonly minimized: boolean;
    /** Asks for attention in the taskbar. */
    readonly flashing: boolean;
    readonly options: Electron.BrowserWindowConstructorOptions;
  }[];
  readonly tray?: {
    readonly image: string;
    readonly imageIsEmpty: boolean;
    readonly tooltip: string;
    readonly menu: readonly MenuLine[];
  };
  readonly notifications: readonly {
    readonly title: string;
    readonly body: string;
    readonly actions: readonly string[];
  }[];
  /** Global shortcuts that the app holds. */
  readonly shortcuts: readonly string[];
  readonly crashReports: readonly Electron.CrashReporterStartOptions[];
  readonly openedUrls: readonly string[];
  readonly beeps: number;
  /** What the app's own locks stopped: `navigation URL`, `request URL`, `popup URL`. */
  readonly refusals: readonly string[];
  readonly errorBoxes: readonly { readonly title: string; readonly content: string }[];
}
