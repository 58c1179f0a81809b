import { app, powerMonitor } from 'electron';
import type { RequestInput, RequestName } from '../shared/contract.ts';
import type { TrayAction } from '../shared/tray-model.ts';
import { createApprovalNotifications } from './approval-notifications.ts';
import { createConsentNotifications } from './consent-notifications.ts';
import type { CoreSession } from './core-session.ts';
import type { IpcBinding } from './ipc-binding.ts';
import { type LoginCommand, setLoginItem } from './login-item.ts';
import { createMainWindow } from './main-window.ts';
import { createPromptWindow } from './prompt-window.ts';
import { registerShortcuts } from './shortcuts.ts';
import { createTray } from './tray.ts';

/** What the app has on the person's desk: window, prompts, tray, notifications. */
export interface Desk {
  /** Shows the main window. @param route a page to open */
  show(route?: string): void;
  clear(): void;
}

/** Lays them out and lets them follow the core. */
export function createDesk(deps: {
  readonly distDir: string;
  readonly assetsDir: string;
  readonly ipc: IpcBinding;
  readonly session: CoreSession;
  readonly retryTunnel: () => void;
  /** The screen was locked: what was allowed for a session ends (`ui.md`, Not at the desk). */
  readonly endSessionAnswers: () => void;
  readonly hasTray: () => boolean;
  readonly loginCommand: LoginCommand;
}): Desk {
  const { session } = deps;
  const main = createMainWindow(deps);
  const prompt = createPromptWindow(deps);
  const notifications = createApprovalNotifications({
    review: (id) => prompt.open(id),
    deny: ({ id, digest }) => ask('approvals.answer', { id, digest, answer: 'deny' }),
  });
  const consents = createConsentNotifications({ review: () => main.show('#/agents') });
  const tray = createTray({ assetsDir: deps.assetsDir, act });

  function act(action: TrayAction): void {
    switch (action.type) {
      case 'open':
        main.show();
        break;
      case 'quit':
        app.quit();
        break;
      case 'review':
        if (action.id === undefined) main.show('#/approvals');
        else prompt.open(action.id);
        break;
      case 'consent':
        main.show('#/agents');
        break;
      case 'pause':
      case 'resume':
        ask(action.type, {});
        break;
      case 'unshare':
        ask('servers.unshare', { server: action.server });
        break;
      case 'answer':
        ask('approvals.answer', { id: action.id, digest: action.digest, answer: action.answer });
        break;
    }
  }

  /** A click that came too late (answered elsewhere, expired) does nothing: the menu is drawn again as things stand. */
  function ask<Name extends RequestName>(name: Name, input: RequestInput<Name>): void {
    session.request(name, input).catch(() => tray.redraw());
  }

  let waiting: string | undefined;
  let openAtLogin: boolean | undefined;
  session.onState((state) => {
    tray.draw(state);
    waiting = state.approvals[0]?.id;
    // Only a change: whoever took the entry away by hand meant it.
    const before = openAtLogin;
    openAtLogin = state.settings.openAtLogin;
    if (before !== undefined && before !== openAtLogin) keepLoginItem(openAtLogin, deps.loginCommand);
    // A prompt that changed has a new id: what was said under the old one is taken back.
    notifications.keep(new Set(state.approvals.map((approval) => approval.id)));
    if (state.approvals.length === 0) prompt.close();
    consents.follow(state.consents, main.isFocused());
  });
  session.onApproval(({ type, approval }) => {
    // Who looks at the main window sees the prompt there.
    if (type === 'closed' || main.isFocused()) return;
    prompt.appear(approval.id);
    notifications.show(approval);
  });
  powerMonitor.on('resume', deps.retryTunnel);
  powerMonitor.on('unlock-screen', deps.retryTunnel);
  powerMonitor.on('lock-screen', deps.endSessionAnswers);
  registerShortcuts({
    pause: () => ask('pause', {}),
    show: () => (waiting === undefined ? main.show() : prompt.open(waiting)),
  });

  return {
    show: (route) => main.show(route),
    clear() {
      notifications.closeAll();
      consents.closeAll();
      tray.destroy();
    },
  };
}

/** A desktop that does not let us write there is no reason to end: the settings page still says what was wished. */
function keepLoginItem(open: boolean, command: LoginCommand): void {
  try {
    setLoginItem(open, command);
  } catch (error) {
    process.stderr.write(`Open at login: ${error instanceof Error ? error.message : String(error)}\n`);
  }
}
