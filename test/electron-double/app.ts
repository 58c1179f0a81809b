import { EventEmitter } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, watch, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { App, Settings } from 'electron';
import { DoubleBrowserWindow, onWindows } from './browser-window.ts';
import { protocolIsReady } from './protocol.ts';
import { browser } from './runtime.ts';
import { strict } from './strict.ts';

type Methods =
  | 'getName'
  | 'getVersion'
  | 'getPath'
  | 'setPath'
  | 'enableSandbox'
  | 'setAsDefaultProtocolClient'
  | 'setLoginItemSettings'
  | 'requestSingleInstanceLock'
  | 'whenReady'
  | 'isReady'
  | 'quit'
  | 'exit';

/** The app's life: ready, one instance, the order of events at its end. */
export class DoubleApp extends EventEmitter implements Pick<App, Methods> {
  readonly isPackaged = false;
  sandboxed = false;
  loginItem: Settings | undefined;
  private readonly paths = new Map<string, string>();
  private readyNow = false;
  private readonly readyLater: Promise<void>;
  private quitting = false;

  constructor() {
    super();
    // The main module has been read when this turn ends; what must come before "ready" is in it.
    this.readyLater = new Promise((done) => setImmediate(done)).then(async () => {
      await browser(this.getPath('userData'));
      protocolIsReady();
      this.readyNow = true;
      this.emit('ready');
    });
    this.readyLater.catch((error: unknown) => {
      process.stderr.write(`The double could not start: ${String(error)}\n`);
      process.exit(1);
    });
    onWindows(
      (contents) => this.emit('web-contents-created', {}, contents),
      () => {
        // Electron's default: without a listener the app ends with its last window.
        if (!this.emit('window-all-closed')) this.quit();
      },
    );
  }

  getName(): string {
    return 'Sallyport';
  }

  getVersion(): string {
    return String(JSON.parse(readFileSync(resolve(import.meta.dirname, '../../package.json'), 'utf8')).version);
  }

  getPath(name: string): string {
    const path = this.paths.get(name);
    if (!path) throw new Error(`app.getPath('${name}') before setPath is not in the double.`);
    return path;
  }

  setPath(name: string, path: string): void {
    this.paths.set(name, path);
  }

  setAsDefaultProtocolClient(): boolean {
    return true;
  }

  setLoginItemSettings(settings: Settings): void {
    this.loginItem = settings;
  }

  enableSandbox(): void {
    if (this.readyNow) throw new Error('app.enableSandbox() can only be called before app is ready');
    this.sandboxed = true;
  }

  /** A lock file with our process id; who comes second leaves its arguments beside it. */
  requestSingleInstanceLock(): boolean {
    const folder = join(this.getPath('userData'), 'double-instance');
    mkdirSync(folder, { recursive: true });
    const lock = join(folder, 'lock');
    if (existsSync(lock) && isAlive(Number(readFileSync(lock, 'utf8')))) {
      // Renamed into place, so that nobody reads half of it.
      writeFileSync(join(folder, `coming-${process.pid}`), JSON.stringify(process.argv));
      renameSync(join(folder, `coming-${process.pid}`), join(folder, `second-${process.pid}`));
      return false;
    }
    writeFileSync(lock, String(process.pid));
    const watcher = watch(folder, () => {
      for (const name of readdirSync(folder).filter((each) => each.startsWith('second-'))) {
        const args: unknown = JSON.parse(readFileSync(join(folder, name), 'utf8'));
        rmSync(join(folder, name), { force: true });
        this.emit('second-instance', {}, args, process.cwd());
      }
    });
    watcher.unref();
    process.on('exit', () => rmSync(lock, { force: true }));
    return true;
  }

  isReady(): boolean {
    return this.readyNow;
  }

  whenReady(): Promise<void> {
    return this.readyLater;
  }

  quit(): void {
    if (this.quitting) return;
    if (this.prevented('before-quit')) return;
    for (const window of DoubleBrowserWindow.getAllWindows()) window.close();
    if (DoubleBrowserWindow.getAllWindows().length > 0 || this.prevented('will-quit')) return;
    this.exit(0);
  }

  exit(code = 0): void {
    this.quitting = true;
    this.emit('quit', {}, code);
    process.exit(code);
  }

  private prevented(event: string): boolean {
    let prevented = false;
    this.emit(event, { preventDefault: () => (prevented = true) });
    return prevented;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** `electron.app`. */
export const app = strict('app', new DoubleApp());
