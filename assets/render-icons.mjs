/**
 * Draws the PNG sets from the SVG sources with Chromium: `node assets/render-icons.mjs`. The results are committed, since
 * packages need them and a build must not need a browser. Run it again after a change of a drawing.
 *
 * - `tray/<state>.png`, `@2x`: 16 px, for Linux and Windows, in the accent's colour that stands out on light and dark bars
 * - `tray/<state>-{24,32,48}.png`, `@2x`: the same for larger panels
 * - `tray/<state>Template.png`, `@2x`: black on nothing, which macOS colours itself
 * - `icon.png`, `icons/<size>x<size>.png`: the app's own
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { chromium } from 'playwright-core';
import { findChromium } from '../test/chromium.mjs';

const folder = import.meta.dirname;
const states = ['off', 'connecting', 'idle', 'sharing', 'attention', 'paused', 'trouble'];
const sizes = [16, 24, 32, 48];
const appSizes = [16, 24, 32, 48, 64, 128, 256, 512, 1_024];
/** A middle grey-green with at least 3:1 on white and on near-black panels. */
const panelColour = '#5f9489';

const executablePath = findChromium();
if (executablePath === undefined) throw new Error('No Chromium: install one, or name yours in CHROMIUM.');
const root = process.getuid?.() === 0;
const browser = await chromium.launch({ executablePath, args: root ? ['--no-sandbox'] : [] });
try {
  const page = await browser.newPage();
  for (const state of states) {
    const svg = await readFile(join(folder, 'tray', `${state}.svg`), 'utf8');
    const coloured = svg
      .replaceAll('"#000"', `"${panelColour}"`)
      .replace('<svg ', `<svg fill="${panelColour}" `)
      // Inside a mask black and white are opacity, not colour.
      .replace(/<mask[\s\S]*?<\/mask>/, (mask) => mask.replaceAll(panelColour, '#000'));
    for (const size of sizes) {
      const name = size === 16 ? state : `${state}-${size}`;
      await draw(page, coloured, size, join(folder, 'tray', `${name}.png`));
      await draw(page, coloured, size * 2, join(folder, 'tray', `${name}@2x.png`));
    }
    await draw(page, svg, 16, join(folder, 'tray', `${state}Template.png`));
    await draw(page, svg, 32, join(folder, 'tray', `${state}Template@2x.png`));
  }
  const icon = await readFile(join(folder, 'icon.svg'), 'utf8');
  await mkdir(join(folder, 'icons'), { recursive: true });
  for (const size of appSizes) await draw(page, icon, size, join(folder, 'icons', `${size}x${size}.png`));
  await draw(page, icon, 1_024, join(folder, 'icon.png'));
} finally {
  await browser.close();
}

/** Draws one SVG at exactly `size` pixels on a transparent ground. */
async function draw(page, svg, size, file) {
  await page.setViewportSize({ width: size, height: size });
  const source = `data:image/svg+xml;base64,${Buffer.from(svg).toString('base64')}`;
  await page.setContent(
    `<body style="margin:0"><img src="${source}" width="${size}" height="${size}" style="display:block">`,
  );
  await page.locator('img').evaluate((image) => image.decode());
  await writeFile(file, await page.screenshot({ omitBackground: true }));
}
