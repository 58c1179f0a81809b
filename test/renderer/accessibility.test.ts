import type { Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { approval } from './fixtures.ts';
import { windowsForTests } from './harness.ts';
import { outOfReach, walkByKeyboard } from './reach.ts';
import { asking } from './scenes.ts';

const open = windowsForTests();
const routes = [
  ...['servers', 'servers/files', 'servers/tickets', 'start', 'requests', 'requests/call-4', 'approvals', 'rules'],
  ...['agents', 'tunnel', 'doctor', 'settings'],
];

/** Every page in one window, one after the other. */
async function* pages(page: Page): AsyncGenerator<string> {
  for (const route of routes) {
    await page.evaluate((hash) => {
      location.hash = hash;
    }, `/${route}`);
    await page.getByRole('heading').first().waitFor();
    await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
    yield route;
  }
}

describe('small and large', () => {
  test.each([
    ['360 px', { width: 360, height: 640 }],
    ['a window of 1280 × 800 at 200 %', { width: 640, height: 400 }],
    ['a window of 1280 × 800 at 400 %', { width: 320, height: 400 }],
  ])('%s: no page scrolls sideways, nothing is cut', async (_what, viewport) => {
    const { page } = await open({ viewport });
    const found: string[] = [];
    for await (const route of pages(page)) found.push(...(await outOfReach(page)).map((each) => `${route}: ${each}`));
    expect(found).toEqual([]);
  });

  test.each([
    { width: 360, height: 640 },
    { width: 640, height: 400 },
  ])('a prompt at $width × $height keeps its question and its buttons in sight', async (viewport) => {
    const { page } = await open({ viewport, state: asking() });
    const prompt = page.getByRole('dialog', { name: /Approval prompt/ });
    for (const part of [
      prompt.getByText('write a file').first(),
      prompt.getByRole('button', { name: /^Deny/ }).first(),
      prompt.getByRole('button', { name: 'Allow once' }),
    ]) {
      const box = await part.boundingBox();
      expect(box && box.x >= 0 && box.x + box.width <= viewport.width).toBe(true);
      expect(box && box.y >= 0 && box.y + box.height <= viewport.height).toBe(true);
    }
    expect(await outOfReach(page)).toEqual([]);
  });
});

describe('by keyboard alone', () => {
  test('Tab reaches every control of every page, in sight and with its ring, and nothing holds it', async () => {
    const { page } = await open({ viewport: { width: 1_040, height: 620 } });
    const found: string[] = [];
    for await (const route of pages(page)) {
      const { stops, missed } = await walkByKeyboard(page);
      expect(stops.length, route).toBeGreaterThan(8);
      found.push(...missed.map((each) => `${route}: never reached: ${each}`));
      found.push(...stops.flatMap(({ what, wrong }) => wrong.map((each) => `${route}: ${what} ${each}`)));
    }
    expect(found).toEqual([]);
  });

  test('the first stop leads past the frame, into the page', async () => {
    const { page } = await open();
    await page.getByRole('switch', { name: 'Share files' }).waitFor();
    await page.keyboard.press('Tab');
    await page.getByRole('button', { name: 'Skip to the page' }).press('Enter');
    expect(await page.evaluate(() => document.activeElement?.id)).toBe('main');
  });

  test('a prompt: F6 goes in, each control is reached, Escape leaves it for later', async () => {
    const { page, core } = await open({ state: asking() });
    const prompt = page.getByRole('dialog', { name: /Approval prompt/ });
    await prompt.waitFor();
    const { stops, missed } = await walkByKeyboard(page);
    expect(missed).toEqual([]);
    expect(stops.flatMap(({ what, wrong }) => wrong.map((each) => `${what} ${each}`))).toEqual([]);
    await page.keyboard.press('F6');
    expect(await page.evaluate(() => document.activeElement?.textContent)).toContain('Deny');
    await page.keyboard.press('Escape');
    await prompt.getByText('run a script').waitFor();
    expect(core.asked.some(({ name }) => name === 'approvals.answer')).toBe(false);
  });

  test('arrow keys walk the request list, Enter opens a row, Escape closes it', async () => {
    const { page } = await open({ route: '#/requests' });
    const rows = page.getByRole('grid').getByRole('row');
    await rows.first().waitFor();
    await page.getByRole('grid').focus();
    await page.keyboard.press('Home');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    const details = page.getByRole('complementary', { name: 'Request' });
    await details.getByText('read_text_file').first().waitFor();
    await page.keyboard.press('Escape');
    await details.waitFor({ state: 'detached' });
  });

  test('a dialog holds the keyboard while it is open, and gives it back', async () => {
    const { page } = await open({ route: '#/servers' });
    const add = page.getByRole('button', { name: 'Add a server' });
    await add.focus();
    await page.keyboard.press('Enter');
    await page.getByRole('dialog').waitFor();
    for (let count = 0; count < 20; count += 1) {
      await page.keyboard.press('Tab');
      expect(
        await page.evaluate(
          () =>
            document.activeElement === document.body ||
            document.activeElement?.closest('dialog, [role=dialog]') !== null,
        ),
      ).toBe(true);
    }
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    expect(await add.evaluate((button) => button === document.activeElement)).toBe(true);
  });
});

describe('as the system asks for it', () => {
  test('high contrast: every state is still told by its shape', async () => {
    const { page, core } = await open({ route: '#/servers' });
    await page.emulateMedia({ forcedColors: 'active' });
    const on = page.getByRole('switch', { name: 'Share files' });
    const off = page.getByRole('switch', { name: 'Share postgres' });
    const [one, other] = [await on.screenshot(), await off.screenshot()];
    expect(one.equals(other)).toBe(false);
    core.patch({ approvals: [approval] });
    const panel = page.getByRole('dialog', { name: /Approval prompt/ });
    await panel.waitFor();
    // Tone alone sets it apart otherwise, and forced colours know no tones.
    expect(await panel.evaluate((element) => getComputedStyle(element).borderTopStyle)).not.toBe('none');
    const bare = await page.evaluate(() =>
      [...document.querySelectorAll('.dot, .state-shape')]
        .filter((each) => {
          const { backgroundColor, borderTopWidth } = getComputedStyle(each);
          return backgroundColor === 'rgba(0, 0, 0, 0)' && borderTopWidth === '0px';
        })
        .map((each) => each.className),
    );
    expect(bare).toEqual([]);
  });

  test.each([
    ['reduce', 0],
    ['no-preference', 0.15],
  ] as const)('reduced motion %s: nothing moves for longer than %d s', async (reducedMotion, longest) => {
    const { page } = await open({ state: asking() });
    await page.emulateMedia({ reducedMotion });
    for await (const route of pages(page)) {
      const slow = await page.evaluate((limit) => {
        const seconds = (list: string): number => Math.max(...list.split(',').map((each) => Number.parseFloat(each)));
        return [...document.querySelectorAll('*')]
          .filter((each) => {
            const { transitionDuration, animationDuration, animationName } = getComputedStyle(each);
            return (
              seconds(transitionDuration) > limit || (animationName !== 'none' && seconds(animationDuration) > limit)
            );
          })
          .map((each) => `<${each.localName} class="${each.className}">`);
      }, longest);
      expect(slow, route).toEqual([]);
    }
  });
});
