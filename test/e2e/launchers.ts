import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import process from 'node:process';
import { _electron, type Page } from 'playwright-core';
import { findElectronBinary, findElectronPackage } from '../../electron/launch/electron-binary.mjs';
import type { ContractClient, RequestInput, RequestName, RequestOutput } from '../../electron/shared/contract.ts';
import { SallyportError } from '../../electron/shared/errors.ts';
import { startApp } from '../app-process.ts';
import { connectContract } from '../contract-client.ts';
import { DoubleApp } from '../electron-double/launch.ts';
import { launchChromium } from '../renderer/chromium.ts';

/** An app that runs, as a spec meets it: its page, and the contract beside it. */
export interface LaunchedApp {
  readonly page: Page;
  /** The contract as another front speaks it; types are those of the contract. */
  request: ContractClient['request'];
  /** Ends it as a person quits it; the data folder stays. */
  stop(): Promise<void>;
}

/** One way to run the same app. */
export interface Launcher {
  readonly name: string;
  start(dataDir: string): Promise<LaunchedApp>;
}

const main = resolve(import.meta.dirname, '../../dist/electron/main.js');

/** `sallyport run`: the page in a browser, the contract over its WebSocket. */
const browserFront: Launcher = {
  name: 'sallyport run',
  async start(dataDir) {
    const app = await startApp({ dataDir });
    const browser = await launchChromium();
    const context = await browser.newContext({ reducedMotion: 'reduce', locale: 'en-GB' });
    const page = await context.newPage();
    await page.goto(app.ui);
    const client = await connectContract(app.ui);
    return {
      page,
      request: client.request,
      async stop() {
        await client.close();
        await browser.close();
        await app.stop();
      },
    };
  },
};

/** The desktop app under the double: its window is a real page with the real preload. */
const double: Launcher = {
  name: 'double',
  async start(dataDir) {
    const app = await DoubleApp.start({ entry: main, dataDir });
    const page = await app.page('#/');
    return {
      page,
      request: bridgeOf(page),
      async stop() {
        app.process.kill('SIGTERM');
        await app.ended;
        await app.stop();
      },
    };
  },
};

/** Electron itself, where its binary is there. */
const electron = (executablePath: string): Launcher => ({
  name: 'electron',
  async start(dataDir) {
    const app = await _electron.launch({
      executablePath,
      args: [main, '--data-dir', dataDir, '--node', process.execPath],
    });
    const page = await app.firstWindow();
    return { page, request: bridgeOf(page), stop: () => app.close() };
  },
});

/** The contract through the one object that the preload gives the page. */
function bridgeOf(page: Page): ContractClient['request'] {
  return async <Name extends RequestName>(name: Name, input: RequestInput<Name>): Promise<RequestOutput<Name>> => {
    const answer = await page.evaluate(
      ([asked, given]) =>
        (
          globalThis as unknown as { sallyport: { request(name: string, input: unknown): Promise<unknown> } }
        ).sallyport.request(asked, given),
      [name, input] as const,
    );
    const { ok, value, error } = answer as {
      ok: boolean;
      value: RequestOutput<Name>;
      error: { code: string; hop: 'app'; message: string };
    };
    if (!ok) throw new SallyportError(error.code, error.hop, error.message);
    return value;
  };
}

/** All launchers of this machine. */
export function launchers(): readonly Launcher[] {
  const installed = findElectronPackage(resolve(import.meta.dirname, '../..'));
  const binary = installed && findElectronBinary(installed);
  return [browserFront, double, ...(binary === undefined ? [] : [electron(binary)])];
}

/** A data folder for one spec. */
export async function dataFolder(): Promise<{ path: string; remove(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'sallyport-flows-'));
  return { path, remove: () => rm(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 }) };
}
