import { chmodSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { app, crashReporter, dialog } from 'electron';
import { defaultDataFolder } from '../core/state/data-folder.ts';
import { asSallyportError } from '../shared/errors.ts';
import { setAppMenu } from './app-menu.ts';
import { registerAppScheme, serveApp } from './app-protocol.ts';
import { type CommandLine, parseCommandLine, selfCommand } from './command-line.ts';
import { connectShell } from './core-session.ts';
import { linkAmong, linkScheme, routeOfLink } from './deep-links.ts';
import { createDesk, type Desk } from './desk.ts';
import { bindIpc } from './ipc-binding.ts';
import { loginCommand } from './login-item.ts';
import { lockNavigation } from './navigation-policy.ts';
import { holdQuit, type Quit } from './quit.ts';
import { createSafeStorageSealer } from './safe-storage-sealer.ts';
import { lockSessions } from './session-policy.ts';
import type { StartCore } from './shell-core.ts';
import { hasTrayHost } from './status-notifier.ts';
import { createStoreSettingsFile } from './store-settings-file.ts';
import { createAppUpdates } from './updates/app-updates.ts';

/** What the entry file gives the shell. */
export interface ShellDeps {
  readonly startCore: StartCore;
  /** The folder with `electron/preload.cjs` and `renderer/`. */
  readonly distDir: string;
  /** The folder with `tray/`. */
  readonly assetsDir: string;
  /** What the person or the launcher gave the app, without program and app folder. */
  readonly args: readonly string[];
}

/**
 * Runs the desktop app: one instance, locked windows, tray, notifications, and a clean end. What must happen before
 * Electron is ready happens in this call; the rest follows by itself.
 */
export function runShell(deps: ShellDeps): void {
  const commandLine = parseCommandLine(deps.args, process.cwd());
  makeFolders(commandLine);
  app.setPath('userData', commandLine.electronDir);
  app.setPath('sessionData', commandLine.electronDir);
  keepCrashReports(commandLine);
  app.enableSandbox();
  registerAppScheme();
  lockNavigation();
  if (!app.requestSingleInstanceLock()) {
    // The instance that runs shows its window.
    app.exit(0);
    return;
  }

  let desk: Desk | undefined;
  let wanted = !commandLine.hidden;
  let route = routeOfLink(linkAmong(deps.args) ?? '');
  const show = (wantedRoute?: string): void => {
    wanted = true;
    route = wantedRoute;
    desk?.show(wantedRoute);
  };
  // The arguments of the second instance; a link among them opens a page, anything else only the window.
  app.on('second-instance', (_event, args) => show(routeOfLink(linkAmong(args) ?? '')));
  app.on('activate', () => show());
  app.on('open-url', (event, link) => {
    event.preventDefault();
    const linked = routeOfLink(link);
    if (linked !== undefined) show(linked);
  });

  const quit = holdQuit();
  start(deps, commandLine, quit).then(
    (started) => {
      desk = started;
      if (wanted) desk.show(route);
      if (commandLine.readyLine) writeLine({ ready: true, dataDir: commandLine.dataDir, pid: process.pid });
    },
    (thrown: unknown) => {
      const error = asSallyportError(thrown).toShape();
      if (commandLine.readyLine) writeLine({ ready: false, error });
      else dialog.showErrorBox('Sallyport could not start', [error.message, error.hint].filter(Boolean).join('\n\n'));
      app.exit(1);
    },
  );
}

async function start(deps: ShellDeps, commandLine: CommandLine, quit: Quit): Promise<Desk> {
  await app.whenReady();
  lockSessions();
  serveApp(join(deps.distDir, 'renderer'));
  setAppMenu();
  if (app.isPackaged) app.setAsDefaultProtocolClient(linkScheme);
  const trayShown =
    process.platform !== 'linux' || (await hasTrayHost(process.env.DBUS_SESSION_BUS_ADDRESS, process.getuid?.() ?? 0));
  const updates = createAppUpdates();
  const core = await deps.startCore({
    dataDir: commandLine.dataDir,
    selfCommand: selfCommand(commandLine, deps.distDir),
    keyring: await createSafeStorageSealer(),
    trayShown,
    updates,
    openSettingsFile: () => createStoreSettingsFile(commandLine.dataDir),
  });
  const session = connectShell(core.dispatcher);
  const desk = createDesk({
    distDir: deps.distDir,
    assetsDir: deps.assetsDir,
    ipc: bindIpc(core.dispatcher),
    session,
    retryTunnel: () => core.retryTunnel(),
    presence: core.presence,
    hasTray: () => trayShown,
    loginCommand: loginCommand(commandLine.dataDir, commandLine.dataDir === defaultDataFolder()),
  });
  quit.onDrain(async () => {
    updates.close();
    session.close();
    desk.clear();
    await core.stop();
  });
  return desk;
}

function writeLine(message: Record<string, unknown>): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

/**
 * Electron's folder must be there before anything else. In an empty data folder it would be the first thing, and the core
 * closes to others only folders that are empty or its own, so an empty one is closed here.
 */
function makeFolders({ dataDir, electronDir }: CommandLine): void {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  if (process.platform !== 'win32' && readdirSync(dataDir).length === 0) chmodSync(dataDir, 0o700);
  mkdirSync(electronDir, { recursive: true, mode: 0o700 });
}

/** Reports of crashes stay on this machine, in the data folder; nothing is sent anywhere. */
function keepCrashReports({ dataDir }: CommandLine): void {
  app.setPath('crashDumps', join(dataDir, 'crashes'));
  crashReporter.start({ uploadToServer: false });
}
