import { app, type BrowserWindow } from 'electron';
import { createAppWindow } from './app-window.ts';
import type { IpcBinding } from './ipc-binding.ts';

/** The app's one big window: made when it is first wanted, and again after it was closed. */
export interface MainWindow {
  /** Shows it and gives it the keyboard. @param route a page to open, `#/approvals` for instance */
  show(route?: string): void;
  isFocused(): boolean;
}

/** What decides about closing it. */
export interface MainWindowDeps {
  readonly distDir: string;
  readonly ipc: IpcBinding;
  /** Whether a tray icon leads back to the window. Without one, closing only minimises. */
  readonly hasTray: () => boolean;
}

/** See {@link MainWindow}. */
export function createMainWindow(deps: MainWindowDeps): MainWindow {
  let window: BrowserWindow | undefined;
  let quitting = false;
  app.on('before-quit', () => {
    quitting = true;
  });

  const create = (route: string): BrowserWindow => {
    const created = createAppWindow(deps.distDir, route, {
      title: 'Sallyport',
      width: 1_080,
      height: 720,
      minWidth: 360,
      minHeight: 400,
      autoHideMenuBar: true,
    });
    deps.ipc.admit(created.webContents);
    created.once('ready-to-show', () => created.show());
    created.on('close', (event) => {
      if (quitting || deps.hasTray()) return;
      event.preventDefault();
      created.minimize();
    });
    created.once('closed', () => {
      if (window === created) window = undefined;
    });
    return created;
  };

  return {
    show(route) {
      if (!window) {
        window = create(route ?? '#/servers');
        return;
      }
      if (route) void window.webContents.loadURL(`app://ui/index.html${route}`).catch(() => undefined);
      if (window.isMinimized()) window.restore();
      window.show();
      window.focus();
    },
    isFocused: () => window?.isFocused() ?? false,
  };
}
