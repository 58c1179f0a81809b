import type { AppUpdater } from 'electron-updater';
import { asSallyportError } from '../../shared/errors.ts';
import type { Updates, UpdatesView } from '../../shared/updates.ts';
import { fetchManifest, isNewer, type UpdateFeed, type UpdateManifest, unsigned } from './update-feed.ts';

/** What of electron-updater is used; it is loaded only once a signed, newer version was offered and the person wants it. */
export type Updater = Pick<
  AppUpdater,
  | 'autoDownload'
  | 'autoInstallOnAppQuit'
  | 'allowDowngrade'
  | 'setFeedURL'
  | 'checkForUpdates'
  | 'downloadUpdate'
  | 'quitAndInstall'
> & { on(event: 'download-progress', listener: (progress: { readonly percent: number }) => void): unknown };

const dayMs = 86_400_000;

/**
 * Updates of the packaged app: off without a feed; with one it is asked at the start and once a day. What the feed says
 * counts only with its signature, and only a newer version is offered. Nothing is downloaded or installed by itself.
 */
export function createUpdates(deps: {
  readonly feed: UpdateFeed | undefined;
  /** Version that runs. */
  readonly version: string;
  /** Name of the feed's file for this system: `latest.yml`, `latest-mac.yml`, `latest-linux.yml`. */
  readonly manifestName: string;
  readonly load: () => Promise<Updater>;
  readonly now: () => number;
  readonly every?: (milliseconds: number, run: () => void) => () => void;
}): Updates & { close(): void } {
  const { feed } = deps;
  const listeners = new Set<() => void>();
  let view: UpdatesView = feed ? { state: 'idle' } : { state: 'off' };
  let offered: UpdateManifest | undefined;
  let updater: Updater | undefined;
  const set = (next: UpdatesView): UpdatesView => {
    view = next;
    for (const listener of listeners) listener();
    return view;
  };
  const failed = (error: unknown): UpdatesView =>
    set({ state: 'failed', error: asSallyportError(error).message, ...(offered ? { version: offered.version } : {}) });

  const check = async (): Promise<UpdatesView> => {
    if (!feed || ['checking', 'downloading', 'ready'].includes(view.state)) return view;
    set({ state: 'checking' });
    try {
      const found = await fetchManifest(feed, deps.manifestName);
      const checkedAt = new Date(deps.now()).toISOString();
      if (!isNewer(found.version, deps.version)) return set({ state: 'idle', checkedAt });
      offered = found;
      return set({ state: 'available', version: found.version, checkedAt });
    } catch (error) {
      return failed(error);
    }
  };

  const download = async (): Promise<UpdatesView> => {
    if (!feed || !offered || !['available', 'failed'].includes(view.state)) return view;
    const { version, files } = offered;
    set({ state: 'downloading', version, percent: 0 });
    try {
      updater ??= await deps.load();
      updater.autoDownload = false;
      updater.autoInstallOnAppQuit = false;
      updater.allowDowngrade = false;
      updater.setFeedURL({ provider: 'generic', url: feed.url });
      updater.on('download-progress', ({ percent }) =>
        set({ state: 'downloading', version, percent: Math.floor(percent) }),
      );
      const found = await updater.checkForUpdates();
      // It reads the feed by itself: what it is about to take must be what was signed, file by file.
      const known = new Set(files.map(({ sha512 }) => sha512));
      const same =
        found?.updateInfo.version === version && found.updateInfo.files.every(({ sha512 }) => known.has(sha512));
      if (!same) throw unsigned('the feed says something else than what was signed');
      await updater.downloadUpdate();
      return set({ state: 'ready', version });
    } catch (error) {
      return failed(error);
    }
  };

  const stop = feed ? (deps.every ?? everyMs)(dayMs, () => void check()) : () => {};
  return {
    view: () => view,
    check,
    download,
    async install() {
      if (view.state === 'ready') updater?.quitAndInstall(false, true);
      return view;
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close: stop,
  };
}

function everyMs(milliseconds: number, run: () => void): () => void {
  const timer = setInterval(run, milliseconds);
  timer.unref();
  return () => clearInterval(timer);
}
