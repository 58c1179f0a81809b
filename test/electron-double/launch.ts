import { type ChildProcess, spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { type Browser, chromium, type Page } from 'playwright-core';
import { findChromium } from '../chromium.mjs';
import type { Command, DeskState } from './control-types.ts';

/** How an app under the double is started. */
export interface DoubleOptions {
  /** The app's main file. */
  readonly entry: string;
  /** Default: a new empty folder, removed at the end. */
  readonly dataDir?: string;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** An app that runs under the double, as a person at the desk meets it. */
export class DoubleApp {
  readonly process: ChildProcess;
  readonly dataDir: string;
  /** Resolves with the app's ready line, or with what it said instead. */
  readonly readyLine: Promise<Record<string, unknown>>;
  readonly ended: Promise<{ status: number | null; signal: string | null }>;
  output = '';
  private readonly events = new EventEmitter();
  private readonly ownsFolder: boolean;
  private browser: Browser | undefined;
  private nextId = 1;

  constructor(options: DoubleOptions) {
    this.ownsFolder = options.dataDir === undefined;
    this.dataDir = options.dataDir ?? mkdtempSync(join(tmpdir(), 'sallyport-double-'));
    const hook = pathToFileURL(join(import.meta.dirname, 'hook.ts')).href;
    const chromiumPath = findChromium();
    if (!chromiumPath) throw new Error('The double needs a Chromium: npm test installs one.');
    this.process = spawn(
      process.execPath,
      [
        ...['--import', hook, options.entry],
        ...['--data-dir', this.dataDir, '--ready-line', '--node', process.execPath],
        ...(options.args ?? []),
      ],
      {
        stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
        env: { ...process.env, ...options.env, CHROMIUM: chromiumPath, NODE_NO_WARNINGS: '1' },
      },
    );
    this.ended = once(this.process, 'exit').then(([status, signal]) => ({ status, signal }));
    this.process.on('message', (message: { id?: number; changed?: true }) => {
      this.events.emit(message.changed ? 'changed' : `answer-${message.id}`, message);
    });
    this.process.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.output += text;
    });
    const stdout = createInterface({ input: this.process.stdout as NodeJS.ReadableStream });
    this.readyLine = new Promise((resolve, reject) => {
      stdout.on('line', (line) => {
        this.output += `${line}\n`;
        if (line.startsWith('{"ready":')) resolve(JSON.parse(line));
      });
      void this.ended.then(() => reject(new Error(`The app ended before it was ready:\n${this.output}`)));
    });
    this.readyLine.catch(() => undefined);
  }

  /** Starts an app and waits until it is ready. */
  static async start(options: DoubleOptions): Promise<DoubleApp> {
    const app = new DoubleApp(options);
    await app.readyLine;
    return app;
  }

  /** Sends a command to the double. */
  async command(command: Command): Promise<unknown> {
    const id = this.nextId++;
    const answered = once(this.events, `answer-${id}`);
    this.process.send({ id, command });
    const [answer] = (await Promise.race([
      answered,
      this.ended.then(() => [{ ok: false, value: 'The app has ended.' }]),
    ])) as [{ ok: boolean; value: unknown }];
    if (!answer.ok) throw new Error(String(answer.value));
    return answer.value;
  }

  /** What is on the desk now. */
  async desk(): Promise<DeskState> {
    return (await this.command({ type: 'state' })) as DeskState;
  }

  /** Waits until the desk is as `wanted` says, and gives back what that returned. */
  async until<T>(what: string, wanted: (desk: DeskState) => T | undefined | false, within = 15_000): Promise<T> {
    const deadline = AbortSignal.timeout(within);
    for (;;) {
      const change = once(this.events, 'changed', { signal: deadline });
      change.catch(() => undefined);
      const desk = await this.desk();
      const found = wanted(desk);
      if (found) return found;
      try {
        await Promise.race([change, this.ended]);
      } catch {
        throw new Error(`Waited for ${what}; the desk is ${JSON.stringify(desk, undefined, 2)}\n${this.output}`);
      }
    }
  }

  /** Waits for a window whose route begins so, and gives its page to drive. */
  async page(route: string): Promise<Page> {
    const window = await this.until(`a window on ${route}`, (desk) =>
      desk.windows.find(({ url }) => url.startsWith(`app://ui/index.html${route}`)),
    );
    this.browser ??= await chromium.connectOverCDP(`http://127.0.0.1:${await this.command({ type: 'port' })}`);
    for (const page of this.browser.contexts().flatMap((context) => context.pages())) {
      const session = await page.context().newCDPSession(page);
      const { targetInfo } = await session.send('Target.getTargetInfo');
      await session.detach();
      if (targetInfo.targetId === window.targetId) return page;
    }
    throw new Error(`The runner does not see the window on ${route}.`);
  }

  /** Ends everything, whatever state it is in. */
  async stop(): Promise<void> {
    await this.browser?.close().catch(() => undefined);
    if (this.process.exitCode === null && this.process.signalCode === null) this.process.kill('SIGKILL');
    await this.ended;
    if (this.ownsFolder) rmSync(this.dataDir, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }
}
