import { expect, test } from 'vitest';
import { windowsForTests } from './harness.ts';

const open = windowsForTests();

test('the doctor tells finding by finding, what is to mend first, and gives a report', async () => {
  const { page, core } = await open({ route: '#/tunnel' });
  await page.getByRole('link', { name: 'Check every hop' }).click();
  await page.getByText('2 things to mend, of 6 checks.').waitFor();
  const mend = page.getByRole('region', { name: 'To mend' });
  expect(await mend.getByRole('listitem').count()).toBe(2);
  await mend.getByText('Run its command in a terminal').waitFor();
  expect(await page.getByRole('region', { name: 'Well' }).getByRole('listitem').count()).toBe(4);
  expect(core.asked.filter((each) => each.name === 'doctor.look').map((each) => each.input)).toEqual(
    [0, 1, 2, 3, 4, 5].map((from) => ({ from })),
  );
  await page.getByRole('button', { name: 'Copy a report' }).click();
  expect(await page.evaluate(() => navigator.clipboard.readText())).toContain('# Report of `sallyport doctor`');
  await page.getByRole('button', { name: 'Look again' }).click();
  await expect.poll(() => core.asked.filter((each) => each.name === 'doctor.look').length).toBe(12);
});
