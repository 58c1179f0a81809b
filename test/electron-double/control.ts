import { app } from './app.ts';
import { DoubleBrowserWindow } from './browser-window.ts';
import type { Command, DeskState, MenuLine } from './control-types.ts';
import { answerInvoke, channels } from './ipc.ts';
import { onChanged, refusals, runningBrowser } from './runtime.ts';
import { beeps, crashReports, errorBoxes, heldKeys, openedUrls, powerMonitor } from './services.ts';
import { defaultSession } from './session.ts';
import { DoubleNotification, DoubleTray } from './surfaces.ts';

/** The runner's hand on what a person would see and touch: over the process channel, which real Electron does not have. */
export function openControl(): void {
  if (!process.send) return;
  process.on('message', (message: { id: number; command: Command }) => {
    void run(message.command).then(
      (value) => process.send?.({ id: message.id, ok: true, value }),
      (error: unknown) => process.send?.({ id: message.id, ok: false, value: String(error) }),
    );
  });
  // The runner went away: so do we, or a test that died would leave us behind.
  process.on('disconnect', () => process.exit(1));
  onChanged(() => process.send?.({ changed: true }));
}

async function run(command: Command): Promise<unknown> {
  switch (command.type) {
    case 'state':
      return state();
    case 'port':
      return (await runningBrowser()).port;
    case 'click-tray': {
      if (!command.id) return void DoubleTray.current?.emit('click');
      const item = DoubleTray.current?.menu?.find(command.id);
      if (!item || item.enabled === false) throw new Error(`The tray has no ${command.id} that can be clicked.`);
      return void (item.click as (() => void) | undefined)?.();
    }
    case 'click-notification':
      return clickNotification(command.index, command.action);
    case 'press-shortcut': {
      const act = heldKeys.get(command.keys);
      if (!act) throw new Error(`The app does not hold ${command.keys}.`);
      return act();
    }
    case 'open-url':
      return void app.emit('open-url', { preventDefault: () => undefined }, command.url);
    case 'power':
      return void powerMonitor.emit(command.event);
    case 'close-window':
      return void windowOf(command.targetId).close();
    case 'blur-window':
      return windowOf(command.targetId).blur();
    case 'reload-window':
      return windowOf(command.targetId).contents.reloadAsApp();
    case 'invoke-as': {
      const sender = command.targetId ? windowOf(command.targetId).webContents : { id: 999_999 };
      const senderFrame = command.frame ? { url: command.frame.url, parent: command.frame.main ? null : {} } : null;
      return answerInvoke(command.channel, { sender, senderFrame }, command.args);
    }
    case 'permission':
      return permission(command.name);
  }
}

function clickNotification(index: number, actionIndex: number | undefined): void {
  const notification = DoubleNotification.all.filter((each) => each.shown)[index];
  if (actionIndex === undefined) notification?.emit('click');
  else notification?.emit('action', { actionIndex, selectionIndex: -1 }, actionIndex, -1);
}

function windowOf(targetId: string): DoubleBrowserWindow {
  const window = DoubleBrowserWindow.getAllWindows().find((each) => each.contents.targetId === targetId);
  if (!window) throw new Error(`There is no window ${targetId}.`);
  return window;
}

function state(): DeskState {
  const tray = DoubleTray.current;
  return {
    sandboxed: app.sandboxed,
    channels: channels(),
    windows: DoubleBrowserWindow.getAllWindows().map((window) => ({
      targetId: window.contents.targetId,
      url: window.contents.getURL(),
      visible: window.visible,
      focused: window.focused,
      alwaysOnTop: window.alwaysOnTop,
      minimized: window.minimized,
      flashing: window.flashing,
      options: JSON.parse(JSON.stringify(window.options)),
    })),
    ...(tray
      ? {
          tray: {
            image: tray.image.path,
            imageIsEmpty: tray.image.isEmpty(),
            tooltip: tray.tooltip,
            menu: lines(tray.menu?.template ?? []),
          },
        }
      : {}),
    notifications: DoubleNotification.all
      .filter((each) => each.shown)
      .map(({ options }) => ({
        title: options.title ?? '',
        body: options.body ?? '',
        actions: (options.actions ?? []).map(({ text }) => text ?? ''),
      })),
    shortcuts: [...heldKeys.keys()],
    crashReports,
    openedUrls,
    beeps: beeps.count,
    refusals,
    errorBoxes,
  };
}

function lines(items: readonly Electron.MenuItemConstructorOptions[]): MenuLine[] {
  return items.map((item) => ({
    id: item.id ?? '',
    label: item.label ?? '',
    enabled: item.enabled !== false,
    ...(item.checked === undefined ? {} : { checked: item.checked }),
    ...(Array.isArray(item.submenu) ? { items: lines(item.submenu) } : {}),
  }));
}

/** What the app's handlers say to a permission; without handlers Electron grants, and so does this. */
async function permission(name: string): Promise<{ requested: boolean; checked: boolean; device: boolean }> {
  const { permissionRequest, permissionCheck, devicePermission } = defaultSession;
  const contents = DoubleBrowserWindow.getAllWindows()[0]?.webContents as unknown as Electron.WebContents;
  const requested = permissionRequest
    ? await new Promise<boolean>((answer) => permissionRequest(contents, name as 'media', answer, {} as never))
    : true;
  const checked = permissionCheck ? permissionCheck(contents, name as 'media', 'app://ui', {} as never) : true;
  const device = devicePermission ? devicePermission({ deviceType: 'usb', origin: 'app://ui' } as never) : true;
  return { requested, checked, device };
}
