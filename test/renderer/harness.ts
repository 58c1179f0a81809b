import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, inject } from 'vitest';
import type { AppState } from '../../electron/shared/contract.ts';
import { launchChromium } from './chromium.ts';
import { type FakeCore, startFakeCore } from './fake-core.ts';
import { sharingState } from './fixtures.ts';

/** How a test opens the window. */
export interface OpenOptions {
  readonly state?: AppState;
  readonly route?: string;
  readonly viewport?: { width: number; height: number };
  readonly theme?: 'light' | 'dark';
  /** Without it, the address carries no key. */
  readonly key?: boolean;
  /** Stops the page's clock at this moment. */
  readonly at?: number;
  before?(core: FakeCore): void;
}

/** The page of a test with the core behind it. */
export interface Opened {
  readonly page: Page;
  readonly core: FakeCore;
}

/**
 * Starts one Chromium for a test file over the pages as built (`build-once.ts`), and gives each test a core and a page of its own. A test
 * fails if its page threw, or tried what the content security policy forbids.
 */
export function windowsForTests(): (options?: OpenOptions) => Promise<Opened> {
  let browser: Browser;
  const open: { context: BrowserContext; core: FakeCore }[] = [];
  const complaints: string[] = [];

  beforeAll(async () => {
    browser = await launchChromium();
  });
  afterAll(async () => {
    await browser?.close();
  });
  afterEach(async () => {
    for (const { context, core } of open.splice(0)) {
      await context.close();
      await core.stop();
    }
    expect(complaints.splice(0)).toEqual([]);
  });

  return async (options = {}) => {
    const core = await startFakeCore(inject('rendererRoot'), options.state ?? sharingState());
    const context = await browser.newContext({
      viewport: options.viewport ?? { width: 1_200, height: 780 },
      colorScheme: options.theme ?? 'light',
      reducedMotion: 'reduce',
      locale: 'en-GB',
      timezoneId: 'UTC',
      permissions: ['clipboard-read', 'clipboard-write'],
    });
    open.push({ context, core });
    options.before?.(core);
    const page = await context.newPage();
    page.on('pageerror', (error) => complaints.push(`page error: ${error.message}`));
    page.on('console', (message) => {
      if (/Content Security Policy|Minified React error|Each child in a list/.test(message.text())) {
        complaints.push(message.text());
      }
    });
    if (options.at !== undefined) await page.clock.install({ time: options.at });
    await page.goto(options.key === false ? core.origin : core.url);
    if (options.route !== undefined) await page.evaluate((route) => location.assign(route), options.route);
    if (options.at !== undefined) await page.clock.runFor(200);
    return { page, core };
  };
}
