import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { type FakeCore, startFakeCore } from './fake-core.ts';
import { noon } from './fixtures.ts';
import type { Scene } from './scenes.ts';

/** The moment at which a scene's clock stands, between two seconds so that nothing is about to tick. */
const stillAt = noon + 3_300;
const fonts = [
  ['dejavu-sans.woff2', 'Test Sans', 400],
  ['dejavu-sans-bold.woff2', 'Test Sans', 700],
  ['dejavu-mono.woff2', 'Test Mono', 400],
] as const;

/** A scene with its page, its clock standing still, drawn in the bundled font. */
export interface StagedScene {
  readonly page: Page;
  /** What the page complained of. */
  readonly complaints: readonly string[];
  close(): Promise<void>;
}

/** Opens a scene, acts in it, and waits until nothing moves any more. @param root folder of the built pages */
export async function stageScene(browser: Browser, root: string, scene: Scene): Promise<StagedScene> {
  const core: FakeCore = await startFakeCore(root, scene.state(), () => stillAt);
  const context = await browser.newContext({
    viewport: scene.viewport ?? { width: 1_040, height: 620 },
    colorScheme: 'light',
    reducedMotion: 'reduce',
    locale: 'en-GB',
    timezoneId: 'UTC',
    // For the font; that the policy holds is tested elsewhere.
    bypassCSP: true,
  });
  const complaints: string[] = [];
  const close = async (): Promise<void> => {
    await context.close();
    await core.stop();
  };
  try {
    const page = await context.newPage();
    page.on('pageerror', (error) => complaints.push(error.message));
    await page.clock.install({ time: noon - 120_000 });
    if (scene.before) await scene.before(core);
    await page.goto(scene.noKey ? core.origin : core.url);
    await page.addStyleTag({ content: await fontStyles() });
    await page.evaluate(() => document.fonts.load('13px "Test Sans"').then(() => document.fonts.ready));
    if (scene.route) await page.evaluate((route) => location.assign(route), scene.route);
    await page.clock.pauseAt(stillAt - 3_000);
    await page.clock.runFor(500);
    if (scene.act) await scene.act(page, core);
    await settled(page);
    await page.clock.runFor(2_500);
    await settled(page);
    return { page, complaints, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Where each piece of text and each control stands: what must not differ under another Chromium. */
export async function boxesOf(page: Page): Promise<readonly string[]> {
  return await page.evaluate(() => {
    const boxes: string[] = [];
    const add = (name: string, box: DOMRect): void => {
      if (box.width === 0 || box.height === 0 || box.bottom < 0 || box.top > innerHeight) return;
      boxes.push(`${[box.x, box.y, box.width, box.height].map(Math.round).join(' ')} ${name}`);
    };
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT | NodeFilter.SHOW_ELEMENT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      if (node instanceof Text && node.data.trim() !== '' && node.parentElement?.checkVisibility()) {
        const range = document.createRange();
        range.selectNodeContents(node);
        add(node.data.replace(/\s+/g, ' ').slice(0, 120), range.getBoundingClientRect());
      } else if (node instanceof Element && node.matches('button, a, input, textarea, [role=switch], .dialog, main')) {
        add(`<${node.localName}>`, node.getBoundingClientRect());
      }
    }
    return boxes;
  });
}

/** Waits until the page has stood as it is for a while; frames are given by hand, since the clock stands. */
async function settled(page: Page): Promise<void> {
  let before = '';
  let same = 0;
  for (let round = 0; round < 60 && same < 4; round += 1) {
    await page.waitForTimeout(30);
    await page.clock.runFor(1);
    const now = (await boxesOf(page)).join('\n');
    same = now === before && now !== '' ? same + 1 : 0;
    before = now;
  }
}

let styles: Promise<string> | undefined;

function fontStyles(): Promise<string> {
  styles ??= Promise.all(
    fonts.map(async ([file, family, weight]) => {
      const data = (await readFile(join(import.meta.dirname, 'fonts', file))).toString('base64');
      const range = weight === 400 ? '100 500' : '600 900';
      const weights = family === 'Test Mono' ? '100 900' : range;
      return `@font-face { font-family: "${family}"; font-weight: ${weights}; src: url(data:font/woff2;base64,${data}) format("woff2"); }`;
    }),
  ).then((faces) => `${faces.join('\n')}\n:root { --font: "Test Sans"; --mono: "Test Mono"; }`);
  return styles;
}
