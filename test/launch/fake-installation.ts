import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '../..');

/** A person at a desktop, not root: what the ladder looks at, set from outside without a switch in the product. */
const desktop = `data:text/javascript,${encodeURIComponent("process.getuid = () => 1000; Object.defineProperty(process, 'platform', { value: 'linux' });")}`;

/** How a command ended. */
export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** An installation in a folder of its own: our launch scripts, a command line that says how it was called, and whatever Electron a test puts there. */
export class FakeInstallation {
  readonly folder = mkdtempSync(join(tmpdir(), 'sallyport-launch-'));
  private readonly children: ChildProcess[] = [];

  constructor() {
    cpSync(join(root, 'electron/launch'), join(this.folder, 'electron/launch'), { recursive: true });
    this.write('package.json', '{"type":"module","main":"dist/electron/main.js"}');
    this.write(
      'dist/electron/cli.js',
      'console.log(JSON.stringify({ node: process.versions.node, execPath: process.execPath, args: process.argv.slice(2) }));\n',
    );
  }

  write(path: string, text: string): string {
    const file = join(this.folder, path);
    mkdirSync(join(file, '..'), { recursive: true });
    writeFileSync(file, text);
    return file;
  }

  /** Puts the electron package there as npm does: without its binary, with an installer. */
  addElectronPackage(installer: string): void {
    this.write('node_modules/electron/package.json', '{"name":"electron","version":"45.4.1","main":"index.js"}');
    this.write('node_modules/electron/index.js', 'throw new Error("require(\'electron\') would start a download");');
    this.write('node_modules/electron/install.js', installer);
  }

  /** Puts an executable where Electron's installer would, a script for `/bin/sh`. */
  addElectronBinary(script: string): void {
    this.addElectronPackage('throw new Error("installed already");');
    this.write('node_modules/electron/path.txt', 'electron');
    chmodSync(this.write('node_modules/electron/dist/electron', `#!/bin/sh\n${script}\n`), 0o755);
  }

  /** Starts one of the launch scripts. `desk: false` leaves user and platform as they are. */
  start(script: string, args: readonly string[], env: Record<string, string>, desk = true): ChildProcess {
    const child = spawn(process.execPath, [join(this.folder, 'electron/launch', script), ...args], {
      cwd: tmpdir(),
      env: {
        PATH: process.env.PATH ?? '',
        HOME: this.folder,
        ...(desk ? { NODE_OPTIONS: `--import=${desktop}` } : {}),
        ...env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.children.push(child);
    return child;
  }

  /** Runs one of the launch scripts to its end. */
  async run(script: string, args: readonly string[], env: Record<string, string>, desk = true): Promise<Ended> {
    return ended(this.start(script, args, env, desk));
  }

  remove(): void {
    for (const child of this.children) if (child.exitCode === null) child.kill('SIGKILL');
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Waits for a child's end and gives back all that it wrote. */
export async function ended(child: ChildProcess): Promise<Ended> {
  let stdout = '';
  let stderr = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const [status] = (await once(child, 'close')) as [number | null];
  return { status, stdout, stderr };
}
