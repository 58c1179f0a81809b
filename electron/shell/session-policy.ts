import { app, type Session, session } from 'electron';
import { appOrigin } from './app-files.ts';

/**
 * Locks every session: the page may load our own files and nothing else, gets no permission and downloads nothing. The
 * content security policy says the same; this also holds for code that got around it, in a dependency for instance.
 */
export function lockSessions(): void {
  app.on('session-created', lock);
  lock(session.defaultSession);
}

function lock(locked: Session): void {
  locked.setPermissionRequestHandler((_contents, _permission, answer) => answer(false));
  locked.setPermissionCheckHandler(() => false);
  locked.setDevicePermissionHandler(() => false);
  locked.webRequest.onBeforeRequest((details, answer) => answer({ cancel: !mayLoad(details.url) }));
  locked.on('will-download', (event) => event.preventDefault());
}

/** Our own files; developer tools too, which only exist where the app is not packaged. */
export function mayLoad(url: string): boolean {
  return url.startsWith(`${appOrigin}/`) || (!app.isPackaged && url.startsWith('devtools://'));
}
