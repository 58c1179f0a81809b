import { describe, expect, test } from 'vitest';
import { SallyportError } from '../../electron/shared/errors.ts';
import { emptyState } from './fixtures.ts';
import { windowsForTests } from './harness.ts';

const open = windowsForTests();
const fresh = {
  state: emptyState(),
  route: '#/start',
  before(core: { rows: unknown[] }) {
    core.rows = [];
  },
};

describe('first run', () => {
  test('the road lights hop by hop, and ends on the row of the call', async () => {
    const { page, core } = await open(fresh);
    await page.emulateMedia({ reducedMotion: 'no-preference' });
    const lit = page.evaluate(
      () =>
        new Promise<number[]>((resolve) => {
          const counts: number[] = [];
          new MutationObserver(() => {
            const hops = document.querySelectorAll('.walk > li');
            const count = document.querySelectorAll('.walk > li[data-lit]').length;
            if (count > 0 && counts.at(-1) !== count) counts.push(count);
            if (hops.length > 0 && count === hops.length) resolve(counts);
          }).observe(document.body, { subtree: true, childList: true, attributes: true });
        }),
    );
    await page.getByRole('button', { name: 'Try it' }).click();
    expect(await lit).toEqual([1, 2, 3, 4, 5, 6]);
    expect(core.asked.filter(({ name }) => name === 'servers.firstCall')).toHaveLength(1);
    const road = page.getByRole('list', { name: 'The road of that call' });
    expect(await road.getByRole('listitem').allInnerTexts()).toEqual([
      expect.stringContaining('Another process'),
      expect.stringContaining('The edge'),
      expect.stringContaining('TLS ends on this machine'),
      expect.stringContaining('Who is it?'),
      expect.stringContaining('May it?'),
      expect.stringContaining('The server'),
    ]);
    await page.getByRole('link', { name: 'Open its row in Requests' }).click();
    await page.getByRole('heading', { name: 'Requests' }).waitFor();
    expect(await page.evaluate(() => location.hash)).toBe('#/requests/call-first');
    await page.getByRole('complementary', { name: 'Request' }).waitFor();
  });

  test('what the edge saw is names, sizes, times and ciphertext', async () => {
    const { page } = await open(fresh);
    await page.getByRole('button', { name: 'Try it' }).click();
    const show = page.getByRole('button', { name: 'Show me what the edge saw' });
    expect(await show.getAttribute('aria-expanded')).toBe('false');
    await show.click();
    await page.getByText('2.9 kB to this machine, 4.1 kB back, over 2 connections').waitFor();
    await page.getByText('17 03 03 03 13 a9').waitFor();
    expect(await page.locator('.edge-saw').innerText()).not.toContain('list_notes');
  });

  test('an edge that runs elsewhere is not spoken for', async () => {
    const { page, core } = await open(fresh);
    const first = core.handlers['servers.firstCall'];
    core.handlers['servers.firstCall'] = async (input) => {
      const { edge: _, ...rest } = await first(input);
      return rest;
    };
    await page.getByRole('button', { name: 'Try it' }).click();
    await page.getByRole('link', { name: 'Open its row in Requests' }).waitFor();
    expect(await page.getByRole('button', { name: 'Show me what the edge saw' }).count()).toBe(0);
  });

  test('a call that stopped says at which hop', async () => {
    const { page, core } = await open(fresh);
    core.handlers['servers.firstCall'] = () => {
      throw new SallyportError('first_call_failed', 'inner-tls', 'The first call stopped after edge: bad certificate.');
    };
    await page.getByRole('button', { name: 'Try it' }).click();
    await page.getByRole('alert').getByText('at inner-tls').waitFor();
    expect(await page.getByRole('button', { name: 'Try it' }).isEnabled()).toBe(true);
  });

  test('who shall reach it: four answers, each with what it takes', async () => {
    const { page } = await open(fresh);
    const who = page.getByRole('region', { name: 'Who shall reach it?' });
    const answers = await who.getByRole('listitem').allInnerTexts();
    expect(answers).toHaveLength(4);
    for (const [index, needs] of [
      'Works now',
      'About 5 minutes',
      'Needs access to the preview',
      'Needs an organisation key',
    ].entries()) {
      expect(answers[index]).toContain(needs);
    }
    expect(answers[3]).toContain('This middle can read');
    await who.getByRole('link', { name: /through a name that you have/ }).click();
    await page.getByRole('heading', { name: 'Tunnel' }).waitFor();
  });
});
