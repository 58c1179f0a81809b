import ElectronStore from 'electron-store';
import type { SettingsFile } from '../core/settings/settings.ts';

/**
 * The settings file by way of `electron-store`: the same `settings.json` that headless runs write with `conf`. The
 * settings station has checked version and shape before this opens it.
 * @param folder the data folder
 */
export function createStoreSettingsFile(folder: string): SettingsFile {
  const store = new ElectronStore<Record<string, unknown>>({
    cwd: folder,
    name: 'settings',
    fileExtension: 'json',
    configFileMode: 0o600,
    clearInvalidConfig: false,
    accessPropertiesByDotNotation: false,
  });
  return {
    read: () => (store.size === 0 ? undefined : store.store),
    write(document) {
      store.store = document;
    },
  };
}
