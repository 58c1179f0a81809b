import process from 'node:process';
import { type Browser, chromium } from 'playwright-core';
import { browserOwnPages, findChromium } from '../chromium.mjs';

/**
 * What playwright-core switches off for pages on loopback. Chromium heeds the last `--disable-features` alone, so naming
 * ours means naming these as well.
 */
const switchedOff = [
  'AvoidUnnecessaryBeforeUnloadCheckSync',
  'DestroyProfileOnBrowserClose',
  'HttpsUpgrades',
  'HttpsFirstBalancedModeAutoEnable',
  'MediaRouter',
  'PaintHolding',
  'ThirdPartyStoragePartitioning',
  'OptimizationHints',
  'NetworkTimeServiceQuerying',
  'AimEnabled',
  'PreconnectToSearch',
  ...browserOwnPages,
];

/** Starts the Chromium that the run was given, or that was found. */
export function launchChromium(options: { readonly forPictures?: boolean } = {}): Promise<Browser> {
  const executablePath = findChromium();
  if (executablePath === undefined) throw new Error('No Chromium: npm test installs one, or name yours in CHROMIUM.');
  // Chromium refuses its own sandbox to root; a container's tests usually are.
  const root = process.getuid?.() === 0;
  // Text is drawn alike whatever the screen and the system's font settings are.
  const alike = ['--disable-lcd-text', '--font-render-hinting=none', '--force-color-profile=srgb'];
  const args = [
    ...(root ? ['--no-sandbox'] : []),
    '--disable-gpu',
    `--disable-features=${switchedOff.join(',')}`,
    ...(options.forPictures ? alike : []),
  ];
  return chromium.launch({ executablePath, args });
}
