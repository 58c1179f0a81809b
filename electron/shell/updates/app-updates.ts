import { join } from 'node:path';
import { app } from 'electron';
import type { Updates } from '../../shared/updates.ts';
import { readUpdateFeed } from './update-feed.ts';
import { createUpdates } from './updates.ts';

const manifestNames: Partial<Record<NodeJS.Platform, string>> = { win32: 'latest.yml', darwin: 'latest-mac.yml' };

/** The updates of this app: of a package that names a feed, else off. */
export function createAppUpdates(): Updates & { close(): void } {
  const feed = app.isPackaged ? readUpdateFeed(join(process.resourcesPath, 'update-feed.json')) : undefined;
  const updates = createUpdates({
    feed,
    version: app.getVersion(),
    manifestName: manifestNames[process.platform] ?? 'latest-linux.yml',
    // Loaded here alone: it needs Electron, and most runs need no update.
    load: async () => (await import('electron-updater')).autoUpdater,
    now: Date.now,
  });
  void updates.check();
  return updates;
}
