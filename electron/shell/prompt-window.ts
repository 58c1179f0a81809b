import { type BrowserWindow, screen } from 'electron';
import { createAppWindow } from './app-window.ts';
import type { IpcBinding } from './ipc-binding.ts';

const size = { width: 560, height: 480 };
const margin = 16;

/** The small window in which prompts appear. It moves from prompt to prompt by itself and closes after the last. */
export interface PromptWindow {
  /** Shows a prompt above other windows without taking the keyboard. Where one is shown already, nothing changes. */
  appear(approvalId: string): void;
  /** Shows a prompt and gives it the keyboard: the person asked for it. */
  open(approvalId: string): void;
  /** Takes the window away: nothing waits any more. */
  close(): void;
}

/** See {@link PromptWindow}. */
export function createPromptWindow(deps: {
  readonly distDir: string;
  readonly ipc: IpcBinding;
  /** Whether the compositor, and not the app, says where windows are and which is above (Wayland). */
  readonly placedByOthers: boolean;
}): PromptWindow {
  let window: BrowserWindow | undefined;

  const create = (approvalId: string, show: (window: BrowserWindow) => void): void => {
    const { workArea } = screen.getPrimaryDisplay();
    const created = createAppWindow(deps.distDir, routeOf(approvalId), {
      title: 'Sallyport',
      ...size,
      x: workArea.x + workArea.width - size.width - margin,
      y: workArea.y + margin,
      minWidth: 360,
      minHeight: 320,
      alwaysOnTop: true,
      // Where it may come up below others, the taskbar is the way to it.
      skipTaskbar: !deps.placedByOthers,
      maximizable: false,
      fullscreenable: false,
      autoHideMenuBar: true,
    });
    window = created;
    created.setAlwaysOnTop(true, 'floating');
    created.setVisibleOnAllWorkspaces(true, { visibleOnFullScreen: true });
    deps.ipc.admit(created.webContents);
    created.once('ready-to-show', () => show(created));
    created.once('closed', () => {
      if (window === created) window = undefined;
    });
  };

  return {
    appear(approvalId) {
      if (!window) {
        create(approvalId, (created) => {
          created.showInactive();
          if (!deps.placedByOthers) return;
          created.flashFrame(true);
          created.once('focus', () => created.flashFrame(false));
        });
      }
    },
    open(approvalId) {
      if (!window) {
        create(approvalId, (created) => created.show());
        return;
      }
      void window.webContents.loadURL(`app://ui/index.html${routeOf(approvalId)}`).catch(() => undefined);
      window.show();
      window.focus();
    },
    close() {
      window?.close();
    },
  };
}

function routeOf(approvalId: string): string {
  return `#/prompt/${encodeURIComponent(approvalId)}`;
}
