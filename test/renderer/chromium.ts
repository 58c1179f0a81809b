import process from 'node:process';
import { type Browser, chromium } from 'playwright-core';
import { findChromium } from '../chromium.mjs';

/** Starts the Chromium that the run was given, or that was found. */
export function launchChromium(): Promise<Browser> {
  const executablePath = findChromium();
  if (executablePath === undefined) throw new Error('No Chromium: npm test installs one, or name yours in CHROMIUM.');
  // Chromium refuses its own sandbox to root; a container's tests usually are.
  const root = process.getuid?.() === 0;
  return chromium.launch({ executablePath, args: [...(root ? ['--no-sandbox'] : []), '--disable-gpu'] });
}
