import { expect, test } from 'vitest';
import { offsetOf, placeOf } from '../../renderer/features/rules/error-place.ts';
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

test('places are read from messages and found in texts', () => {
  expect(placeOf('rules.yaml:4:5: no', 'rules.yaml')).toEqual({ line: 4, column: 5 });
  expect(placeOf('It is too long.', 'rules.yaml')).toBeUndefined();
  expect(offsetOf('ab\ncd', { line: 2, column: 2 })).toBe(4);
  expect(offsetOf('ab\ncd', { line: 1, column: 99 })).toBe(2);
  expect(offsetOf('ab', { line: 9, column: 1 })).toBe(2);
});
