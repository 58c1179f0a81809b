import { describe, expect, test } from 'vitest';
import type { AppState } from '../../electron/shared/contract.ts';
import type { ApprovalView } from '../../electron/shared/views.ts';
import { approval, comparedApproval, dangerousApproval, noon, sharingState } from './fixtures.ts';
import { windowsForTests } from './harness.ts';

const open = windowsForTests();

function asking(...approvals: ApprovalView[]): AppState {
  return { ...sharingState(), approvals };
}

const answers = (core: { asked: readonly { name: string; input: unknown }[] }): unknown[] =>
  core.asked.filter((each) => each.name === 'approvals.answer').map((each) => each.input);

describe('the prompt', () => {
  test('comes without taking the keyboard, and is announced verb, agent, server, tool', async () => {
    const { page, core } = await open({ route: '#/requests' });
    const filter = page.getByRole('searchbox');
    await filter.focus();
    core.patch({ approvals: [approval] });
    await page
      .getByRole('dialog', {
        name: /^write a file ~\/notes\/plan\.md, asked by Claude \(claude\.ai\)\. Approval prompt$/,
      })
      .waitFor();
    expect(await filter.evaluate((element) => element === document.activeElement)).toBe(true);
    await expect
      .poll(() => page.getByTestId('announcer').textContent())
      .toMatch(/^write a file ~\/notes\/plan\.md\. Claude \(claude\.ai\) asks, files, write_file/);
    await page.keyboard.type('d');
    expect(await filter.inputValue()).toBe('d');
    expect(answers(core)).toEqual([]);
  });

  test('shows who, what, the new text whole, and why', async () => {
    const { page } = await open({ state: asking(approval) });
    const prompt = page.getByRole('dialog', { name: /Approval prompt/ });
    await prompt.getByText('Claude (claude.ai)').first().waitFor();
    await prompt.getByRole('heading', { name: 'write a file ~/notes/plan.md' }).waitFor();
    await prompt.getByText('due Monday, ask Ana for the numbers').waitFor();
    await prompt.getByText('It changes things.').waitFor();
  });

  test('is not armed before it has stood for 400 ms, by mouse or keyboard', async () => {
    const { page, core } = await open({ at: noon });
    await page.getByRole('switch', { name: 'Share files' }).waitFor();
    await page.clock.pauseAt(noon + 60_000);
    core.patch({ approvals: [approval] });
    const allow = page.getByRole('button', { name: 'Allow once' });
    await allow.waitFor();
    expect(await allow.getAttribute('aria-disabled')).toBe('true');
    await allow.dispatchEvent('click');
    await page.keyboard.press('F6');
    await page.keyboard.press('Control+Enter');
    await page.keyboard.press('d');
    await page.keyboard.press('Enter');
    await page.clock.runFor(399);
    await allow.dispatchEvent('click');
    await page.keyboard.press('Control+Enter');
    expect(await allow.getAttribute('aria-disabled')).toBe('true');
    await page.clock.runFor(1);
    await expect.poll(() => allow.getAttribute('aria-disabled')).toBe('false');
    expect(answers(core)).toEqual([]);
    await allow.dispatchEvent('click');
    await expect.poll(() => answers(core).length).toBe(1);
  });

  test('disarms again when what it says changes', async () => {
    const { page, core } = await open({ at: noon });
    await page.getByRole('switch', { name: 'Share files' }).waitFor();
    await page.clock.pauseAt(noon + 60_000);
    core.patch({ approvals: [approval] });
    await page.getByRole('button', { name: 'Allow once' }).waitFor();
    await page.clock.runFor(400);
    await page.locator('[data-armed]').waitFor();
    core.patch({ approvals: [{ ...approval, id: 'approval-1b', count: 2, verb: 'write two files' }] });
    const both = page.getByRole('button', { name: 'Allow these 2, once each' });
    await both.waitFor();
    expect(await both.getAttribute('aria-disabled')).toBe('true');
    await both.dispatchEvent('click');
    await page.clock.runFor(400);
    await expect.poll(() => both.getAttribute('aria-disabled')).toBe('false');
    expect(answers(core)).toEqual([]);
  });

  test('Ctrl+Enter allows once, with the id and the digest that were shown', async () => {
    const { page, core } = await open({ state: asking(approval) });
    await page.locator('[data-armed]').waitFor();
    await page.keyboard.press('F6');
    await page.keyboard.press('Control+Enter');
    await page.getByRole('dialog', { name: /Approval prompt/ }).waitFor({ state: 'detached' });
    expect(answers(core)).toEqual([
      { id: approval.id, digest: approval.digest, answer: 'allow', scope: 'call', for: 'once' },
    ]);
  });

  test('Shift+Ctrl+Enter allows and remembers what the second button says', async () => {
    const { page, core } = await open({ state: asking(approval) });
    await page.locator('[data-armed]').waitFor();
    await page.getByRole('button', { name: 'Allow exactly this until its session ends' }).waitFor();
    await page.getByRole('button', { name: 'What to remember' }).click();
    await page.getByRole('radio', { name: 'any arguments' }).check();
    await page.getByRole('radio', { name: 'for 15 min' }).check();
    await page.getByRole('button', { name: /^Allow any write_file until \d\d:\d\d$/ }).waitFor();
    await page.keyboard.press('Shift+Control+Enter');
    await expect
      .poll(() => answers(core))
      .toEqual([{ id: approval.id, digest: approval.digest, answer: 'allow', scope: 'tool', for: '15m' }]);
  });

  test('Enter and Space act on the focused button, which is Deny; no single letter allows', async () => {
    const { page, core } = await open({ state: asking(approval) });
    await page.locator('[data-armed]').waitFor();
    await page.keyboard.press('F6');
    for (const key of ['a', 'y', 'o', 'r', '1']) await page.keyboard.press(key);
    expect(answers(core)).toEqual([]);
    await page.keyboard.press('Enter');
    await expect
      .poll(() => answers(core))
      .toEqual([{ id: approval.id, digest: approval.digest, answer: 'deny', scope: 'call', for: 'once' }]);
  });

  test('D denies; the next one waits unarmed with Deny in focus', async () => {
    const { page, core } = await open({ state: asking(approval, dangerousApproval) });
    await page.locator('[data-armed]').waitFor();
    await page.keyboard.press('F6');
    await page.keyboard.press('d');
    await page.getByRole('heading', { name: /^run a script/ }).waitFor();
    await page.keyboard.press('d');
    expect(answers(core)).toHaveLength(1);
    await expect.poll(() => page.evaluate(() => document.activeElement?.hasAttribute('data-safe'))).toBe(true);
  });

  test('a reason goes along, and Ctrl+Enter while writing it denies', async () => {
    const { page, core } = await open({ state: asking(approval) });
    await page.locator('[data-armed]').waitFor();
    await page.getByRole('button', { name: 'Deny with a reason…' }).click();
    await page.getByLabel('What should the agent read?').fill('Drafts only, d and j are letters here.');
    await page.keyboard.press('Control+Enter');
    await expect
      .poll(() => answers(core))
      .toEqual([
        {
          id: approval.id,
          digest: approval.digest,
          answer: 'deny',
          scope: 'call',
          for: 'once',
          reason: 'Drafts only, d and j are letters here.',
        },
      ]);
  });

  test('other arguments run instead only where they are an object, and are never remembered', async () => {
    const { page, core } = await open({ state: asking(dangerousApproval, approval) });
    await page.locator('[data-armed]').waitFor();
    await page.getByRole('button', { name: 'Change it…' }).click();
    const area = page.getByLabel('Run this instead');
    // Digits as they were written: what is not changed must stay what was asked.
    expect(await area.inputValue()).toContain('9007199254740993');
    await area.fill('["rm"]');
    const allow = page.getByRole('button', { name: 'Allow as changed' });
    await page.getByText('Write one JSON object.').waitFor();
    await page.keyboard.press('Control+Enter');
    await allow.dispatchEvent('click');
    expect(answers(core)).toEqual([]);
    await area.fill('{"script":"make","timeout":9007199254740993}');
    await allow.click();
    await expect
      .poll(() => answers(core))
      .toEqual([
        {
          id: dangerousApproval.id,
          digest: dangerousApproval.digest,
          answer: 'allow',
          scope: 'call',
          for: 'once',
          arguments: '{"script":"make","timeout":9007199254740993}',
        },
      ]);
    await page.getByRole('button', { name: 'Allow exactly this until its session ends' }).waitFor();
    await page.getByRole('button', { name: 'Change it…' }).click();
    expect(await page.getByRole('button', { name: /until its session ends/ }).count()).toBe(0);
    await page.keyboard.press('Shift+Control+Enter');
    expect(answers(core)).toHaveLength(1);
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'Allow once' }).waitFor();
  });

  test('Esc puts it aside; it stays in the queue and comes back on Review', async () => {
    const { page, core } = await open({ state: asking(approval), route: '#/approvals' });
    await page.locator('[data-armed]').waitFor();
    await page.keyboard.press('F6');
    await page.keyboard.press('Escape');
    await page.getByRole('dialog', { name: /Approval prompt/ }).waitFor({ state: 'detached' });
    await page.getByRole('button', { name: 'Review…' }).click();
    await page.getByRole('dialog', { name: /Approval prompt/ }).waitFor();
    expect(await page.evaluate(() => document.activeElement?.hasAttribute('data-safe'))).toBe(true);
    expect(answers(core)).toEqual([]);
  });

  test('J shows the exact text, digits as they were written', async () => {
    const { page } = await open({ state: asking(dangerousApproval) });
    await page.locator('[data-armed]').waitFor();
    await page.keyboard.press('F6');
    await page.keyboard.press('j');
    await page.getByText(dangerousApproval.argumentsText, { exact: true }).waitFor();
  });

  test('a dangerous tool cannot be remembered, and identical calls are counted', async () => {
    const { page, core } = await open({ state: asking(dangerousApproval) });
    await page.locator('[data-armed]').waitFor();
    await page.getByText('and 2 more like it').first().waitFor();
    expect(await page.getByRole('button', { name: 'What to remember' }).count()).toBe(0);
    await page.keyboard.press('F6');
    await page.keyboard.press('Shift+Control+Enter');
    expect(answers(core)).toEqual([]);
  });

  test('a stale answer is refused and the prompt says to read again', async () => {
    const { page, core } = await open({ state: asking(approval) });
    await page.locator('[data-armed]').waitFor();
    core.state = { ...core.state, approvals: [{ ...approval, digest: 'sha256:other' }] };
    await page.getByRole('button', { name: 'Allow once' }).click();
    await page.getByText('What it asks has changed. Read it again.').waitFor();
  });

  test('runs of white space and hidden characters are drawn', async () => {
    const text = JSON.stringify({ to: `ana@example.com${' '.repeat(400)}; rm -rf ~`, subject: 'hi\u202e' });
    const { page } = await open({
      state: asking({ ...approval, argumentsText: text, arguments: JSON.parse(text) }),
    });
    await page.getByText('⟨400 spaces⟩').waitFor();
    await page.getByText('hi⟨U+202E⟩').waitFor();
    expect(await page.locator('.argument .unseen').allTextContents()).toEqual(['⟨U+202E⟩']);
  });

  test('marks what differs from the last call like it, and what is odd', async () => {
    const { page } = await open({ state: asking(comparedApproval) });
    const prompt = page.getByRole('dialog', { name: /Approval prompt/ });
    await prompt.getByText('Marked: what differs from its last call like this').waitFor();
    const changes = prompt.getByRole('region', { name: 'content' });
    expect(await changes.locator('del').allTextContents()).toEqual(['- due Friday']);
    expect(await changes.locator('ins').allTextContents()).toEqual(['- due Monday, ask Ana for the numbers']);
    await prompt.getByText('65 characters (+25)').waitFor();
    await prompt.getByText('left out this time').waitFor();
    const odd = prompt.locator('[data-odd]');
    expect(await odd.getByRole('definition').innerText()).toBe(comparedApproval.unusual[0]);
    await page.keyboard.press('F6');
    await page.keyboard.press('j');
    await prompt.getByText(comparedApproval.argumentsText, { exact: true }).waitFor();
  });

  test('is announced, reached and answered while a sheet is open, which keeps the page behind it shut', async () => {
    const { page, core } = await open({ route: '#/servers' });
    await page.getByRole('button', { name: 'Add a server' }).click();
    await page.getByLabel('Name', { exact: true }).fill('memory');
    core.patch({ approvals: [approval] });
    await page.locator('[data-armed]').waitFor();
    const announcer = page.getByTestId('announcer');
    await expect.poll(() => announcer.textContent()).toMatch(/^write a file/);
    expect(await announcer.evaluate((element) => element.closest('[inert]') === null)).toBe(true);
    expect(await page.locator('main').evaluate((element) => element.closest('[inert]') !== null)).toBe(true);
    expect(await page.getByLabel('Name', { exact: true }).evaluate((each) => each === document.activeElement)).toBe(
      true,
    );
    await page.keyboard.press('F6');
    await page.keyboard.press('Control+Enter');
    await expect.poll(() => answers(core).length).toBe(1);
    await page.getByLabel('Name', { exact: true }).focus();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await expect.poll(() => page.evaluate(() => document.activeElement?.textContent)).toMatch(/Add a server/);
  });
});

describe('the prompt’s own window', () => {
  test('has Deny in focus, takes keys everywhere, and goes on to the next', async () => {
    const { page, core } = await open({
      state: asking(approval, dangerousApproval),
      route: '#/prompt/approval-1',
      viewport: { width: 560, height: 480 },
    });
    await page.locator('[data-armed]').waitFor();
    expect(await page.evaluate(() => document.activeElement?.hasAttribute('data-safe'))).toBe(true);
    await page.evaluate(() => (document.activeElement as HTMLElement).blur());
    await page.keyboard.press('d');
    await page.getByRole('heading', { name: /^run a script/ }).waitFor();
    core.patch({ approvals: [] });
    await page.getByText('This prompt was answered or has ended.').waitFor();
  });
});

test('remembered answers are sentences that can be forgotten', async () => {
  const { page, core } = await open({ route: '#/approvals' });
  await page.getByText('used 14 times').waitFor();
  await page.getByRole('button', { name: 'Forget: Claude (claude.ai), write_file' }).click();
  await page.getByText('Nothing is remembered.').waitFor();
  expect(core.asked).toContainEqual({ name: 'approvals.forget', input: { id: 'remembered-1' } });
});

test('while presenting it says who and the verb; the values come by hand, for this prompt alone', async () => {
  const presence = { locked: false, presenting: true };
  const { page, core } = await open({ state: { ...asking(approval), presence } });
  const prompt = page.getByRole('dialog', { name: /Approval prompt/ });
  await prompt.getByRole('heading', { name: 'write a file', exact: true }).waitFor();
  expect(await prompt.textContent()).not.toContain('plan.md');
  await prompt.getByRole('button', { name: 'Show them' }).click();
  await prompt.getByText('due Monday, ask Ana for the numbers').waitFor();
  core.patch({ approvals: [{ ...approval, id: 'another' }] });
  await prompt.getByText('Values are hidden').waitFor();
});
