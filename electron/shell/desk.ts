import { app, powerMonitor } from 'electron';
import type { RequestInput, RequestName } from '../shared/contract.ts';
import type { TrayAction } from '../shared/tray-model.ts';
import { createApprovalNotifications } from './approval-notifications.ts';
import { createConsentNotifications } from './consent-notifications.ts';
import type { CoreSession } from './core-session.ts';
import type { IpcBinding } from './ipc-binding.ts';
import { createMainWindow } from './main-window.ts';
import { createPromptWindow } from './prompt-window.ts';
import { createTray } from './tray.ts';

/** What the app has on the person's desk: window, prompts, tray, notifications. */
export interface Desk {
  /** Shows the main window. */
  show(): void;
  clear(): void;
}

/** Lays them out and lets them follow the core. */
export function createDesk(deps: {
  readonly distDir: string;
  readonly assetsDir: string;
  readonly ipc: IpcBinding;
  readonly session: CoreSession;
  readonly retryTunnel: () => void;
}): Desk {
  const { session } = deps;
  const main = createMainWindow(deps);
  const prompt = createPromptWindow(deps);
  const notifications = createApprovalNotifications({ review: (id) => prompt.open(id) });
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

  session.onState((state) => {
    tray.draw(state);
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

  return {
    show: () => main.show(),
    clear() {
      notifications.closeAll();
      consents.closeAll();
      tray.destroy();
    },
  };
}
