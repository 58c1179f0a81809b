import AxeBuilder from '@axe-core/playwright';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { launchChromium } from './chromium.ts';
import { keeping, openPictures } from './pictures.ts';
import { boxesOf, stageScene } from './scene-page.ts';
import { scenes } from './scenes.ts';

/** Every page in every designed state, once for all that is asked of it: pictures, boxes, axe, in both themes. */
describe('every page and state, light and dark', () => {
  let browser: Browser;
  let pictures: Awaited<ReturnType<typeof openPictures>>;

  beforeAll(async () => {
    browser = await launchChromium({ forPictures: true });
    pictures = await openPictures(browser.version());
    if (pictures.remark !== undefined) console.warn(pictures.remark);
  });
  afterAll(async () => {
    await pictures?.close();
    await browser?.close();
  });

  test.concurrent.each(scenes.map((scene) => [scene.name, scene] as const))('%s', async (_name, scene) => {
    const { page, complaints, close } = await stageScene(browser, inject('rendererRoot'), scene);
    try {
      const boxes = pictures.compareBoxes(scene.name, await boxesOf(page));
      const found: string[] = scene.restless ? [] : [...boxes];
      for (const theme of ['light', 'dark'] as const) {
        await page.emulateMedia({ colorScheme: theme });
        const differing = await pictures.compare(page, scene.name, theme);
        if (differing !== undefined && !scene.restless) found.push(differing);
      }
      // axe waits by the page's clock. A run that keeps pictures is for looking at them; the next one judges.
      await page.clock.resume();
      for (const theme of keeping ? [] : (['light', 'dark'] as const)) {
        await page.emulateMedia({ colorScheme: theme });
        // A theme is colours and nothing else (tokens.css): the second one is asked for what colours can break.
        const axe = new AxeBuilder({ page }).setLegacyMode(true).options({ resultTypes: ['violations'] });
        const { violations } = await (theme === 'light' ? axe : axe.withRules(['color-contrast'])).analyze();
        found.push(
          ...violations.map((each) => `${theme} ${each.id}: ${each.nodes.map((node) => node.html).join(' | ')}`),
        );
      }
      expect([...found, ...complaints]).toEqual([]);
    } finally {
      await close();
    }
  });
});
