import { join } from 'node:path';
import { type Chromium, startChromium } from './chromium.ts';

/** What the parts of the double share: one browser, and the wish to tell the runner that something changed. */

let chromium: Promise<Chromium> | undefined;

/** Starts the browser, once. */
export function browser(userData: string): Promise<Chromium> {
  chromium ??= startChromium(join(userData, 'double-chromium'));
  return chromium;
}

/** The browser, for what only exists after the app is ready. */
export function runningBrowser(): Promise<Chromium> {
  if (!chromium) throw new Error('This needs the app to be ready.');
  return chromium;
}

let notify: () => void = () => undefined;

/** Tells the runner that something that it can see has changed. */
export function changed(): void {
  notify();
}

/** The control channel sets this. */
export function onChanged(listener: () => void): void {
  notify = listener;
}

/** What the app's own locks stopped, in order: `navigation URL`, `request URL`, `popup URL`. */
export const refusals: string[] = [];

/** Notes what a lock stopped, so that a test can wait for it instead of waiting for nothing to happen. */
export function refused(kind: 'navigation' | 'request' | 'popup', url: string): void {
  refusals.push(`${kind} ${url}`);
  changed();
}
