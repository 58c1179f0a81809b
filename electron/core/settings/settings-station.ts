import { existsSync, readFileSync, renameSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Clock, timestamp } from '../../shared/clock.ts';
import { SallyportError } from '../../shared/errors.ts';
import type { Settings, SettingsData, SettingsFile } from './settings.ts';
import {
  defaultSettings,
  issueText,
  readSettingsText,
  settingsDocument,
  settingsMembers,
} from './settings-document.ts';

/** Something about the settings that the person should be told once, at start. */
export interface SettingsNotice {
  readonly code: 'settings_kept_aside';
  /** The sentence to show. */
  readonly message: string;
  /** The file that was kept. */
  readonly path: string;
}

/** What {@link createSettings} needs. */
export interface SettingsDeps {
  /** The file, `<data>/settings.json`, read by our own reader before anything else opens it. */
  readonly path: string;
  /** Opens the same file for reading and writing; called once, after the check, never on a newer or corrupt file. */
  readonly openFile: () => SettingsFile;
  readonly clock: Pick<Clock, 'now'>;
}

/**
 * Opens the settings. A corrupt file is kept aside as `settings.corrupt-<time>.json`, reported in `notices`, and replaced
 * by defaults; a newer one is not touched. Members that this version does not know stay in the document.
 * @throws SallyportError at hop `app`: `settings_newer`; `settings_unreadable`; `settings_unwritable`
 */
export function createSettings(deps: SettingsDeps): Settings & { readonly notices: readonly SettingsNotice[] } {
  const notices: SettingsNotice[] = [];
  const listeners = new Set<(settings: SettingsData) => void>();
  let current = readChecked(deps, notices) ?? defaultSettings();
  const file = guarded(deps.path, deps.openFile);

  return {
    notices,
    get: () => current,
    update(change) {
      const changed = change(current);
      const parsed = settingsDocument.safeParse(changed);
      if (!parsed.success) {
        throw new SallyportError('settings_invalid', 'app', `A setting is not valid: ${issueText(parsed.error)}.`);
      }
      const strangers = Object.entries(current).filter(([name]) => !settingsMembers.has(name));
      const next = { ...Object.fromEntries(strangers), ...parsed.data };
      guarded(deps.path, () => file.write(next));
      current = next;
      for (const listener of [...listeners]) listener(next);
      return next;
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** The settings on disk; `undefined` if there are none, or they were corrupt and are now kept aside. */
function readChecked(deps: SettingsDeps, notices: SettingsNotice[]): SettingsData | undefined {
  let text: string;
  try {
    text = readFileSync(deps.path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw new SallyportError('settings_unreadable', 'app', `The settings file ${deps.path} cannot be read.`, {
      hint: 'Check its owner and permissions.',
      cause: error,
    });
  }
  const reading = readSettingsText(text);
  if (reading.kind === 'good') return reading.settings;
  if (reading.kind === 'newer') {
    throw new SallyportError(
      'settings_newer',
      'app',
      `A newer Sallyport wrote ${deps.path} (version ${reading.version}); it was not touched.`,
      { hint: 'Use that version or a newer one, or another folder with --data-dir.' },
    );
  }
  const aside = freeName(deps);
  guarded(deps.path, () => renameSync(deps.path, aside));
  notices.push({
    code: 'settings_kept_aside',
    message: `The settings could not be read (${reading.why}). They are kept in ${aside}, and Sallyport began with new ones.`,
    path: aside,
  });
  return undefined;
}

/** `settings.corrupt-<time>.json` beside the file; Windows takes no colons in names. */
function freeName(deps: SettingsDeps): string {
  const time = timestamp(deps.clock).replaceAll(':', '-');
  const name = (suffix: string): string => join(dirname(deps.path), `settings.corrupt-${time}${suffix}.json`);
  let path = name('');
  for (let count = 2; existsSync(path); count += 1) path = name(`-${count}`);
  return path;
}

function guarded<Value>(path: string, run: () => Value): Value {
  try {
    return run();
  } catch (error) {
    throw new SallyportError('settings_unwritable', 'app', `The settings file ${path} cannot be written.`, {
      hint: 'Check that the folder is writable and the disk is not full. Nothing was changed.',
      cause: error,
    });
  }
}
