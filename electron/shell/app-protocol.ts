import { protocol } from 'electron';
import { createAppFiles } from './app-files.ts';

/** Makes `app:` a scheme with an origin, storage and a secure context of its own. Before the app is ready. */
export function registerAppScheme(): void {
  protocol.registerSchemesAsPrivileged([
    { scheme: 'app', privileges: { standard: true, secure: true, supportFetchAPI: false, codeCache: true } },
  ]);
}

/** Serves the built renderer on `app://ui/`. */
export function serveApp(rendererDir: string): void {
  protocol.handle('app', createAppFiles(rendererDir));
}
