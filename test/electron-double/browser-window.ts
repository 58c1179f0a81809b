import { EventEmitter } from 'node:events';
import type { BrowserWindow, BrowserWindowConstructorOptions } from 'electron';
import { changed } from './runtime.ts';
import { strict } from './strict.ts';
import { DoubleWebContents } from './web-contents.ts';

const windows: DoubleBrowserWindow[] = [];
const closedListeners: (() => void)[] = [];
const createdListeners: ((contents: DoubleWebContents) => void)[] = [];

/** The app hears of every web contents, and of the last window's end. */
export function onWindows(created: (contents: DoubleWebContents) => void, allClosed: () => void): void {
  createdListeners.push(created);
  closedListeners.push(allClosed);
}

type Methods =
  | 'loadURL'
  | 'show'
  | 'showInactive'
  | 'focus'
  | 'isFocused'
  | 'isMinimized'
  | 'minimize'
  | 'restore'
  | 'close'
  | 'isDestroyed'
  | 'flashFrame'
  | 'setAlwaysOnTop'
  | 'setVisibleOnAllWorkspaces';

/** A window without a picture of its own: the page is real, what the desktop would do to it is written down. */
export class DoubleBrowserWindow extends EventEmitter implements Pick<BrowserWindow, Methods> {
  readonly contents: DoubleWebContents;
  readonly webContents: DoubleWebContents;
  readonly options: BrowserWindowConstructorOptions;
  visible: boolean;
  focused = false;
  alwaysOnTop: boolean;
  allWorkspaces = false;
  minimized = false;
  flashing = false;
  private destroyed = false;

  constructor(options: BrowserWindowConstructorOptions = {}) {
    super();
    this.options = options;
    this.visible = options.show !== false;
    this.alwaysOnTop = options.alwaysOnTop === true;
    this.contents = new DoubleWebContents(options.webPreferences ?? {}, {
      width: options.width ?? 800,
      height: options.height ?? 600,
    });
    this.webContents = strict('webContents', this.contents);
    this.contents.on('double-ready-to-show', () => this.emit('ready-to-show'));
    this.contents.on('double-closed-itself', () => this.gone());
    windows.push(this);
    for (const listener of createdListeners) listener(this.webContents);
    changed();
    // biome-ignore lint/correctness/noConstructorReturn: the app must not see what Electron's window does not have
    return strict('BrowserWindow', this);
  }

  static getAllWindows(): DoubleBrowserWindow[] {
    return [...windows];
  }

  loadURL(url: string): Promise<void> {
    return this.contents.loadURL(url);
  }

  show(): void {
    this.visible = true;
    this.focus();
  }

  showInactive(): void {
    this.visible = true;
    changed();
  }

  focus(): void {
    for (const other of windows) other.focused = false;
    this.focused = true;
    this.emit('focus');
    changed();
  }

  blur(): void {
    this.focused = false;
    changed();
  }

  isFocused(): boolean {
    return this.focused;
  }

  isMinimized(): boolean {
    return this.minimized;
  }

  minimize(): void {
    this.minimized = true;
    this.focused = false;
    changed();
  }

  restore(): void {
    this.minimized = false;
    this.show();
  }

  flashFrame(flag: boolean): void {
    this.flashing = flag;
    changed();
  }

  setAlwaysOnTop(flag: boolean): void {
    this.alwaysOnTop = flag;
  }

  setVisibleOnAllWorkspaces(visible: boolean): void {
    this.allWorkspaces = visible;
  }

  isDestroyed(): boolean {
    return this.destroyed;
  }

  /** As a person or the app closes it: may be prevented. */
  close(): void {
    let prevented = false;
    this.emit('close', { preventDefault: () => (prevented = true) });
    if (prevented || this.destroyed) return;
    void this.contents.destroy();
    this.gone();
  }

  private gone(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    const at = windows.findIndex((window) => window.contents === this.contents);
    if (at >= 0) windows.splice(at, 1);
    this.emit('closed');
    changed();
    if (windows.length === 0) for (const listener of closedListeners) listener();
  }
}
