import { existsSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { launchChromium } from './chromium.ts';
import { openPictures } from './pictures.ts';
import { boxesOf } from './scene-page.ts';

/** How pictures are compared, by pictures of a page of its own: also under a Chromium of another major version. */

let browser: Browser;
let page: Page;
let base: string;
let places: { kept: string; aside: string };
const html = (change = '') =>
  `<style>body { font: 16px monospace } button { position: absolute; left: 40px; top: 60px; width: 90px; height: 30px }</style><p>Two servers</p><button style="${change}">Pause</button>`;
const look = async (change?: string): Promise<readonly string[]> => {
  await page.setContent(html(change));
  return await boxesOf(page);
};

beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'sallyport-pictures-'));
  browser = await launchChromium({ forPictures: true });
  page = await browser.newPage({ viewport: { width: 300, height: 200 } });
  places = { kept: join(base, 'kept'), aside: join(base, 'aside') };
  await mkdir(places.kept);
  const boxes = { one: await look() };
  await page.screenshot({ path: join(places.kept, 'one-light.png') });
  await copyFile(join(places.kept, 'one-light.png'), join(places.kept, 'one-dark.png'));
  await writeFile(join(places.kept, 'kept.json'), JSON.stringify({ chromium: '99.0.1.2', boxes }));
});
afterAll(async () => {
  await browser.close();
  await rm(base, { recursive: true, force: true });
});

test('under the same major version a picture must match, and one that differs lies beside', async () => {
  const pictures = await openPictures('99.4.0.0', places);
  expect(pictures).toMatchObject({ manner: 'pixels', remark: undefined });
  await look();
  expect(await pictures.compare(page, 'one', 'light')).toBeUndefined();
  await look('background: red');
  expect(await pictures.compare(page, 'one', 'light')).toMatch(/one-light\.png differs in \d+ pixels/);
  expect(existsSync(join(places.aside, 'one-light.png'))).toBe(true);
  expect(pictures.compareBoxes('one', await look('left: 41px'))).toHaveLength(2);
  expect(await pictures.compare(page, 'two', 'light')).toContain('is not kept');
});

test('under another one it is taken anew, boxes and texts are compared instead, and the run says so', async () => {
  const pictures = await openPictures('100.0.0.0', places);
  expect(pictures.manner).toBe('boxes');
  expect(pictures.remark).toContain('taken by Chromium 99.0.1.2, this is 100.0.0.0');
  await look('background: red');
  expect(await pictures.compare(page, 'one', 'dark')).toBeUndefined();
  expect(await readFile(join(places.aside, 'one-dark.png'))).not.toEqual(
    await readFile(join(places.kept, 'one-dark.png')),
  );
  // Another Chromium may place a text a little differently, and no more.
  expect(pictures.compareBoxes('one', await look('left: 43px'))).toEqual([]);
  expect(pictures.compareBoxes('one', await look('left: 44px'))).toHaveLength(2);
  expect(pictures.compareBoxes('one', await look('width: 99px'))).not.toEqual([]);
  await page.setContent(html().replace('Two servers', 'Ten servers'));
  expect(pictures.compareBoxes('one', await boxesOf(page)).join()).toContain('Ten servers');
  await page.setContent(html().replace('<button', '<i hidden').replace('</button', '</i'));
  expect(pictures.compareBoxes('one', await boxesOf(page))[0]).toMatch(/^3 boxes before, 1 now$/);
  await pictures.close();
  expect(JSON.parse(await readFile(join(places.kept, 'kept.json'), 'utf8'))).toMatchObject({ chromium: '99.0.1.2' });
});
