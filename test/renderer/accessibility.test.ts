import AxeBuilder from '@axe-core/playwright';
import { describe, expect, test } from 'vitest';
import { noon } from './fixtures.ts';
import { windowsForTests } from './harness.ts';
import { scenes } from './scenes.ts';

const open = windowsForTests();

describe('axe finds nothing in either theme', () => {
  test.each(scenes.map((scene) => [scene.name, scene] as const))('%s', async (_name, scene) => {
    const { page, core } = await open({
      state: scene.state(),
      at: noon,
      ...(scene.route === undefined ? {} : { route: scene.route }),
      ...(scene.viewport ? { viewport: scene.viewport } : {}),
      ...(scene.noKey ? { key: false } : {}),
      ...(scene.before ? { before: scene.before } : {}),
    });
    await page.clock.runFor(700);
    if (scene.act) await scene.act(page, core);
    await page.clock.runFor(700);
    const found: string[] = [];
    for (const theme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme: theme });
      const { violations } = await new AxeBuilder({ page }).analyze();
      found.push(
        ...violations.map((each) => `${theme} ${each.id}: ${each.nodes.map((node) => node.html).join(' | ')}`),
      );
    }
    expect(found).toEqual([]);
  });
});

describe('small and large', () => {
  const routes = [
    'servers',
    'servers/files',
    'requests',
    'requests/call-4',
    'approvals',
    'agents',
    'tunnel',
    'settings',
  ];

  test.each(routes)('%s fits 360 px without scrolling sideways', async (route) => {
    const { page } = await open({ route: `#/${route}`, viewport: { width: 360, height: 640 } });
    await page.locator('main').waitFor();
    await page.getByRole('heading').first().waitFor();
    const wide = await page.evaluate(
      () =>
        [document.documentElement, ...document.querySelectorAll('main, .road-bar, .rail, .details-body')].filter(
          (element) => element.scrollWidth > element.clientWidth + 1,
        ).length,
    );
    expect(wide).toBe(0);
  });

  test('every page is reached and worked by keyboard alone', async () => {
    const { page } = await open();
    await page.getByRole('switch', { name: 'Share files' }).waitFor();
    await page.keyboard.press('Tab');
    await page.getByRole('button', { name: 'Skip to the page' }).press('Enter');
    expect(await page.evaluate(() => document.activeElement?.id)).toBe('main');
    const reached: string[] = [];
    await page.evaluate(() => (document.activeElement as HTMLElement).blur());
    for (let count = 0; count < 25; count += 1) {
      await page.keyboard.press('Tab');
      reached.push(
        await page.evaluate(() => {
          const element = document.activeElement;
          return element?.getAttribute('aria-label') ?? element?.textContent ?? '';
        }),
      );
    }
    for (const name of ['Pause', 'Requests', 'Settings', 'Add a server', 'Share files']) {
      expect(
        reached.some((each) => each.includes(name)),
        `${name} in ${reached.join(', ')}`,
      ).toBe(true);
    }
  });
});
