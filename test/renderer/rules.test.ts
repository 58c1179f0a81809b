import { expect, test } from 'vitest';
import { offsetOf, placeOf } from '../../renderer/features/rules/error-place.ts';
import { proposals } from './fixtures.ts';
import { windowsForTests } from './harness.ts';

const open = windowsForTests();

test('a wrong rules file is refused at its line and column, where the caret then is', async () => {
  const { page, core } = await open({ route: '#/approvals' });
  await page.getByRole('link', { name: 'Rules' }).click();
  const area = page.getByLabel('Rules file');
  await page.getByText('2 rules are in force.').waitFor();
  const set = page.getByRole('button', { name: 'Put in force' });
  expect(await set.isDisabled()).toBe(true);
  const before = core.rules;
  await area.fill('version: 1\nrules:\n  - id: one\n    thn: allow\n');
  await set.click();
  await page.getByText('rules.yaml:4:5: “thn” is no key of a rule.').waitFor();
  expect(core.rules).toBe(before);
  expect(await area.evaluate((each: HTMLTextAreaElement) => each.selectionStart)).toBe(34);
  await area.pressSequentially('#');
  expect((await area.inputValue()).split('\n')[3]).toBe('    #thn: allow');
  await area.fill('version: 1\nrules:\n  - id: one\n    then: allow\n');
  await set.click();
  await page.getByText('1 rule is in force.').waitFor();
  expect(core.rules).toContain('then: allow');
});

test('what was allowed again and again is reviewed as rules, and only what was ticked is adopted', async () => {
  const { page, core } = await open({
    route: '#/approvals',
    before: (fake) => {
      fake.handlers['policy.propose'] = ({ days }) => ({ proposals: days === 90 ? [] : [...proposals] });
      fake.handlers['policy.adopt'] = ({ ids }) => ({ path: '/rules.yaml', rules: 2 + ids.length });
    },
  });
  await page.getByRole('link', { name: 'Review what you allowed' }).click();
  const adopt = page.getByRole('button', { name: /^Adopt/ });
  await page.getByText('paths-under: [~/notes]').waitFor();
  expect(await adopt.isDisabled()).toBe(true);
  await page.getByRole('checkbox', { name: `Adopt: ${proposals[1]?.sentence}` }).check();
  await page.getByRole('button', { name: 'Adopt 1 rule' }).click();
  await page.getByText('Adopted. 3 rules are in force.').waitFor();
  expect(core.asked.filter(({ name }) => name === 'policy.adopt').map(({ input }) => input)).toEqual([
    { ids: [proposals[1]?.id], days: 30 },
  ]);
  await page.getByRole('radio', { name: '90 days' }).check();
  await page.getByText('Nothing to propose yet').waitFor();
});

test('places are read from messages and found in texts', () => {
  expect(placeOf('rules.yaml:4:5: no', 'rules.yaml')).toEqual({ line: 4, column: 5 });
  expect(placeOf('It is too long.', 'rules.yaml')).toBeUndefined();
  expect(offsetOf('ab\ncd', { line: 2, column: 2 })).toBe(4);
  expect(offsetOf('ab\ncd', { line: 1, column: 99 })).toBe(2);
  expect(offsetOf('ab', { line: 9, column: 1 })).toBe(2);
});
