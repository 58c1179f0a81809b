import { Notification } from 'electron';
import { consentWords } from '../shared/tray-model.ts';
import type { ConsentView } from '../shared/views.ts';

/** Tells of agents that ask to be let in. At most five ask at once, so each has a notification of its own. */
export interface ConsentNotifications {
  /** Shows what is new and takes away what is over. @param quiet the window is looked at: nothing new is shown */
  follow(consents: readonly ConsentView[], quiet: boolean): void;
  closeAll(): void;
}

/** See {@link ConsentNotifications}. @param deps.review shows the window, where the request and its code are */
export function createConsentNotifications(deps: { readonly review: () => void }): ConsentNotifications {
  const shown = new Map<string, Notification | undefined>();
  return {
    follow(consents, quiet) {
      for (const consent of consents) {
        if (shown.has(consent.id)) continue;
        if (quiet || !Notification.isSupported()) {
          shown.set(consent.id, undefined);
          continue;
        }
        // Never the code: a notification stands on locked screens.
        const body = consent.client.verified ? `${consent.client.host}` : 'Unverified: the name is its own claim';
        const notification = new Notification({ title: consentWords(consent), body });
        notification.on('click', deps.review);
        notification.on('failed', () => undefined);
        notification.show();
        shown.set(consent.id, notification);
      }
      for (const [id, notification] of shown) {
        if (consents.some((consent) => consent.id === id)) continue;
        notification?.close();
        shown.delete(id);
      }
    },
    closeAll() {
      for (const notification of shown.values()) notification?.close();
      shown.clear();
    },
  };
}
