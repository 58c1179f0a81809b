import { app, shell, type WebContents } from 'electron';
import { mayOpenOutside } from './external-links.ts';

/**
 * No web contents of ours ever goes elsewhere, opens a window or embeds one. A link to an address on the allow-list
 * opens in the person's browser instead. Set for every web contents at its creation, so that none can be forgotten.
 */
export function lockNavigation(): void {
  app.on('web-contents-created', (_event, contents) => lock(contents));
}

function lock(contents: WebContents): void {
  contents.on('will-navigate', (event) => event.preventDefault());
  contents.on('will-frame-navigate', (event) => event.preventDefault());
  contents.on('will-redirect', (event) => event.preventDefault());
  contents.on('will-attach-webview', (event) => event.preventDefault());
  contents.setWindowOpenHandler(({ url }) => {
    if (mayOpenOutside(url)) void shell.openExternal(url);
    return { action: 'deny' };
  });
}
