import { describe, expect, test } from 'vitest';
import { windowsForTests } from './harness.ts';

const open = windowsForTests();

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
