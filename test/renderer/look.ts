/**
 * Takes a picture of every page and state in both themes: `node test/renderer/look.ts FOLDER [NAME…]`. For looking at with
 * one's own eyes; what must match byte for byte is another matter.
 */
import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import process from 'node:process';
import { buildRenderer } from './build-renderer.ts';
import { launchChromium } from './chromium.ts';
import { startFakeCore } from './fake-core.ts';
import { noon } from './fixtures.ts';
import { scenes } from './scenes.ts';

const [folder = 'look', ...names] = process.argv.slice(2);
await mkdir(folder, { recursive: true });
const built = await buildRenderer();
const browser = await launchChromium();
try {
  for (const scene of scenes.filter((each) => names.length === 0 || names.some((name) => each.name.startsWith(name)))) {
    for (const theme of ['light', 'dark'] as const) {
      const core = await startFakeCore(built.root, scene.state());
      const context = await browser.newContext({
        viewport: scene.viewport ?? { width: 1_200, height: 780 },
        colorScheme: theme,
        reducedMotion: 'reduce',
        locale: 'en-GB',
        timezoneId: 'UTC',
      });
      const page = await context.newPage();
      await page.clock.install({ time: noon });
      if (scene.before) await scene.before(core);
      await page.goto(scene.noKey ? core.origin : `${core.origin}/#k=${'k'.repeat(43)}`);
      if (scene.route) await page.evaluate((route) => location.assign(route), scene.route);
      await page.clock.runFor(600);
      if (scene.act) await scene.act(page, core);
      await page.clock.runFor(1_200);
      await page.waitForTimeout(150);
      await page.screenshot({ path: resolve(join(folder, `${scene.name}-${theme}.png`)) });
      await context.close();
      await core.stop();
    }
  }
} finally {
  await browser.close();
  await built.remove();
}
