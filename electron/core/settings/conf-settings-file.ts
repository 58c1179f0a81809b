import Conf from 'conf';
import type { SettingsFile } from './settings.ts';

/**
 * The settings file by way of `conf`: the same `settings.json` that `electron-store` writes in the shell (name
 * `settings`, 0600). The station has checked version and shape before this opens it, because `conf` takes a newer file
 * without a word.
 * @param folder the data folder
 * @throws what the file system or `conf` throws
 */
export function createConfSettingsFile(folder: string): SettingsFile {
  const store = new Conf<Record<string, unknown>>({
    cwd: folder,
    configName: 'settings',
    fileExtension: 'json',
    configFileMode: 0o600,
    // A damaged file is an error here, never an empty one.
    clearInvalidConfig: false,
    // Slugs and names may hold dots.
    accessPropertiesByDotNotation: false,
  });
  return {
    read: () => (store.size === 0 ? undefined : store.store),
    write(document) {
      store.store = document;
    },
  };
}
