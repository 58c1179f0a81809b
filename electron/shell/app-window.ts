import { join } from 'node:path';
import { app, BrowserWindow, type BrowserWindowConstructorOptions } from 'electron';
import { appOrigin } from './app-files.ts';

/** What every window of ours has in common; the locks are said, not left to defaults. */
function locked(preload: string): BrowserWindowConstructorOptions['webPreferences'] {
  return {
    preload,
    sandbox: true,
    contextIsolation: true,
    nodeIntegration: false,
    nodeIntegrationInWorker: false,
    nodeIntegrationInSubFrames: false,
    webSecurity: true,
    allowRunningInsecureContent: false,
    experimentalFeatures: false,
    webviewTag: false,
    navigateOnDragDrop: false,
    spellcheck: false,
    devTools: !app.isPackaged,
  };
}

/**
 * Makes a window on one of our pages, not shown yet.
 * @param route what the page opens, `#/servers` for instance
 */
export function createAppWindow(
  distDir: string,
  route: string,
  options: Omit<BrowserWindowConstructorOptions, 'webPreferences' | 'show'>,
): BrowserWindow {
  const window = new BrowserWindow({
    ...options,
    show: false,
    webPreferences: locked(join(distDir, 'electron/preload.cjs')) ?? {},
  });
  // A page that fails to load shows as such; there is nobody to tell but the person who looks at it.
  void window.loadURL(`${appOrigin}/index.html${route}`).catch(() => undefined);
  return window;
}
