import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { EventEmitter } from 'node:events';
import type {
  CrashReporter,
  CrashReporterStartOptions,
  Dialog,
  GlobalShortcut,
  SafeStorage,
  Screen,
  Shell,
} from 'electron';
import { changed } from './runtime.ts';
import { strict } from './strict.ts';

/** Addresses that the app opened outside. */
export const openedUrls: string[] = [];

/** How often the app had the system's tone played. */
export const beeps = { count: 0 };

/** `electron.shell`. */
export const shell = strict('shell', {
  async openExternal(url: string): Promise<void> {
    openedUrls.push(url);
    changed();
  },
  beep(): void {
    beeps.count += 1;
    changed();
  },
} satisfies Pick<Shell, 'openExternal' | 'beep'>);

/** Errors that the app showed. */
export const errorBoxes: { title: string; content: string }[] = [];

/** `electron.dialog`. */
export const dialog = strict('dialog', {
  showErrorBox(title: string, content: string): void {
    errorBoxes.push({ title, content });
    process.stderr.write(`[error box] ${title}: ${content}\n`);
    changed();
  },
} satisfies Pick<Dialog, 'showErrorBox'>);

/** `electron.screen`: one screen of a laptop, with a bar on top. */
export const screen = strict('screen', {
  getPrimaryDisplay: () => ({ workArea: { x: 0, y: 28, width: 1_440, height: 872 } }),
}) as unknown as Pick<Screen, 'getPrimaryDisplay'>;

/** Global shortcuts that the app holds. */
export const heldKeys = new Map<string, () => void>();

/** `electron.globalShortcut`: keys named in SALLYPORT_DOUBLE_TAKEN_KEYS belong to another program. */
export const globalShortcut = strict('globalShortcut', {
  register(accelerator: string, callback: () => void): boolean {
    if ((process.env.SALLYPORT_DOUBLE_TAKEN_KEYS ?? '').split(',').includes(accelerator)) return false;
    heldKeys.set(accelerator, callback);
    return true;
  },
} satisfies Pick<GlobalShortcut, 'register'>);

/** How crash reports are kept. */
export const crashReports: CrashReporterStartOptions[] = [];

/** `electron.crashReporter`. */
export const crashReporter = strict('crashReporter', {
  start(options: CrashReporterStartOptions): void {
    crashReports.push(options);
  },
} satisfies Pick<CrashReporter, 'start'>);

/** `electron.powerMonitor`. */
class DoublePowerMonitor extends EventEmitter {
  /** Seconds; the runner sets it. */
  idleSeconds = 0;
  getSystemIdleTime(): number {
    return this.idleSeconds;
  }
}
export const powerMonitor = strict('powerMonitor', new DoublePowerMonitor());

/** Which keyring this desktop has: SALLYPORT_DOUBLE_KEYRING, by default none worth the name. */
const keyring = process.env.SALLYPORT_DOUBLE_KEYRING ?? 'basic_text';
const key = randomBytes(32);

/** `electron.safeStorage`, over a key that ends with this process. */
export const safeStorage = strict('safeStorage', {
  isAsyncEncryptionAvailable: async () => keyring !== 'none',
  getSelectedStorageBackend: () => keyring as ReturnType<SafeStorage['getSelectedStorageBackend']>,
  async encryptStringAsync(text: string) {
    const nonce = randomBytes(12);
    const cipher = createCipheriv('aes-256-gcm', key, nonce);
    return Buffer.concat([nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]);
  },
  async decryptStringAsync(sealed: Buffer) {
    const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, 12));
    decipher.setAuthTag(sealed.subarray(-16));
    const result = decipher.update(sealed.subarray(12, -16), undefined, 'utf8') + decipher.final('utf8');
    return { result, shouldReEncrypt: false };
  },
} satisfies Pick<
  SafeStorage,
  'isAsyncEncryptionAvailable' | 'getSelectedStorageBackend' | 'encryptStringAsync' | 'decryptStringAsync'
>);
