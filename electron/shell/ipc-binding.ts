import { type IpcMainInvokeEvent, ipcMain, type WebContents } from 'electron';
import type { Dispatcher } from '../core/fronts/dispatcher.ts';
import type { FrontSession } from '../core/fronts/front-session.ts';
import { asSallyportError } from '../shared/errors.ts';

/** The windows that may speak to the core. */
export interface IpcBinding {
  /** Admits a window's contents until they are destroyed. */
  admit(contents: WebContents): void;
}

/**
 * Binds the contract to our windows. A message counts only if its sender was admitted, it comes from the main frame and
 * that frame shows `app://ui` (`design.md` §5); anything else is rejected, never answered. The dispatcher parses what it
 * says.
 */
export function bindIpc(dispatcher: Dispatcher): IpcBinding {
  const sessions = new Map<number, FrontSession>();

  const sessionOf = (event: IpcMainInvokeEvent): FrontSession => {
    const session = sessions.get(event.sender.id);
    if (!session || !isOurPage(event)) throw new Error('This sender may not speak to the app.');
    return session;
  };

  // electron-store opens a channel of its own when it is made; our pages have no use for it.
  ipcMain.removeAllListeners('electron-store-get-data');

  ipcMain.handle('contract:request', async (event, name: unknown, input: unknown) => {
    sessionOf(event);
    try {
      const value = await dispatcher.request(typeof name === 'string' ? name : '', input, { front: 'window' });
      return { ok: true, value };
    } catch (error) {
      return { ok: false, error: asSallyportError(error).toShape() };
    }
  });
  ipcMain.handle('contract:subscribe', (event, topic: unknown) => {
    sessionOf(event).receive({ type: 'subscribe', topic });
  });
  ipcMain.handle('contract:unsubscribe', (event, topic: unknown) => {
    sessionOf(event).receive({ type: 'unsubscribe', topic });
  });

  return {
    admit(contents) {
      const connect = () =>
        dispatcher.connect({
          front: 'window',
          send: (frame) => {
            if (frame.type === 'event' && !contents.isDestroyed()) {
              contents.send('contract:event', frame.topic, frame.payload);
            }
          },
        });
      sessions.set(contents.id, connect());
      // A page that is loaded anew knows nothing of what the one before subscribed to.
      contents.on('did-start-navigation', (details) => {
        if (!details.isMainFrame || details.isSameDocument) return;
        sessions.get(contents.id)?.close();
        sessions.set(contents.id, connect());
      });
      const { id } = contents;
      contents.once('destroyed', () => {
        sessions.get(id)?.close();
        sessions.delete(id);
      });
    },
  };
}

/** Not `.origin`: of an `app:` address Node's URL makes the string `null`. */
function isOurPage({ senderFrame }: IpcMainInvokeEvent): boolean {
  if (!senderFrame || senderFrame.parent !== null) return false;
  const url = URL.parse(senderFrame.url);
  return url?.protocol === 'app:' && url.host === 'ui';
}
