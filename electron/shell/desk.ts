import { app, powerMonitor, shell } from 'electron';
import type { AppState, RequestInput, RequestName } from '../shared/contract.ts';
import { awayWords } from '../shared/presence-words.ts';
import type { TrayAction } from '../shared/tray-model.ts';
import { createApprovalNotifications } from './approval-notifications.ts';
import { createConsentNotifications } from './consent-notifications.ts';
import type { CoreSession } from './core-session.ts';
import type { IpcBinding } from './ipc-binding.ts';
import { type LoginCommand, setLoginItem } from './login-item.ts';
import { createMainWindow } from './main-window.ts';
import { followPresence } from './presence.ts';
import { createPromptWindow } from './prompt-window.ts';
import type { ShellCore } from './shell-core.ts';
import { registerShortcuts } from './shortcuts.ts';
import { createTray } from './tray.ts';
import { isWayland } from './wayland.ts';

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
  readonly presence: ShellCore['presence'];
  readonly hasTray: () => boolean;
  readonly loginCommand: LoginCommand;
}): Desk {
  const { session } = deps;
  const main = createMainWindow(deps);
  const prompt = createPromptWindow({ ...deps, placedByOthers: isWayland(process.platform, process.env) });
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
      case 'away':
        ask('presence.set', { away: action.forMs === undefined ? {} : { forMs: action.forMs } });
        break;
      case 'back':
        ask('presence.set', { back: true });
        break;
      case 'present':
        ask('presence.set', { presenting: action.on });
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
  /** Whether a prompt may show itself: not while the screen is locked or nobody is there. It waits unseen, then comes. */
  let quiet = false;
  let presenting = false;
  let heard = false;
  session.onState((state) => {
    tray.draw(state);
    presenting = state.presence.presenting;
    heard = state.settings.promptSound;
    const wasQuiet = quiet;
    quiet = state.presence.locked || state.presence.away !== undefined;
    waiting = state.approvals[0]?.id;
    // Only a change: whoever took the entry away by hand meant it.
    const before = openAtLogin;
    openAtLogin = state.settings.openAtLogin;
    if (before !== undefined && before !== openAtLogin) keepLoginItem(openAtLogin, deps.loginCommand);
    // A prompt that changed has a new id: what was said under the old one is taken back.
    notifications.keep(new Set(state.approvals.map((approval) => approval.id)));
    if (state.approvals.length === 0) prompt.close();
    consents.follow(state.consents, main.isFocused() || quiet);
    if (wasQuiet && !quiet) comeBack(state);
  });
  session.onApproval(({ type, approval }) => {
    // Who looks at the main window sees the prompt there.
    if (type === 'closed' || main.isFocused() || quiet) return;
    prompt.appear(approval.id);
    notifications.show(approval, presenting);
    if (heard && type === 'opened') shell.beep();
  });
  /** One prompt and one notification for all that waited, whatever their number. */
  function comeBack({ approvals, presence }: AppState): void {
    if (presence.summary) notifications.summary(awayWords(presence.summary), () => main.show('#/approvals'));
    const [first] = approvals;
    if (first && !main.isFocused()) prompt.appear(first.id);
  }
  powerMonitor.on('resume', deps.retryTunnel);
  powerMonitor.on('unlock-screen', deps.retryTunnel);
  const stopPresence = followPresence(deps.presence);
  registerShortcuts({
    pause: () => ask('pause', {}),
    show: () => (waiting === undefined ? main.show() : prompt.open(waiting)),
  });

  return {
    show: (route) => main.show(route),
    clear() {
      stopPresence();
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
