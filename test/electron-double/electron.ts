import { app } from './app.ts';
import { DoubleBrowserWindow as BrowserWindow } from './browser-window.ts';
import { openControl } from './control.ts';
import { ipcMain } from './ipc.ts';
import { protocol } from './protocol.ts';
import { crashReporter, dialog, globalShortcut, powerMonitor, safeStorage, screen, shell } from './services.ts';
import { session } from './session.ts';
import { strict } from './strict.ts';
import { DoubleMenu as Menu, DoubleNotification as Notification, nativeImage, DoubleTray as Tray } from './surfaces.ts';

/**
 * The module `electron` as far as the app uses it, over a real Chromium. What it is not: README.md. A name that is
 * missing here fails at import; a member that is missing throws "not in the double".
 */
export {
  app,
  BrowserWindow,
  crashReporter,
  dialog,
  globalShortcut,
  ipcMain,
  Menu,
  Notification,
  nativeImage,
  powerMonitor,
  protocol,
  safeStorage,
  screen,
  session,
  shell,
  Tray,
};

// electron-store takes the module's default export, which Electron has.
// biome-ignore lint/style/noDefaultExport: electron's own module has one
export default strict('electron', {
  app,
  BrowserWindow,
  crashReporter,
  dialog,
  globalShortcut,
  ipcMain,
  Menu,
  Notification,
  nativeImage,
  powerMonitor,
  protocol,
  safeStorage,
  screen,
  session,
  shell,
  Tray,
});

openControl();
