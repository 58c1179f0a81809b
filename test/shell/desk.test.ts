import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { DeskState, MenuLine } from '../electron-double/control-types.ts';
import { FixtureApp } from './fixture-app.ts';
import { approval, emptyState, files, sharing } from './states.ts';

/** What a person at the desk sees and touches: window, tray, prompts, notifications. */

let app: FixtureApp;
beforeEach(async () => {
  app = await FixtureApp.start();
});
afterEach(() => app.stop());

const icon = (desk: DeskState) => desk.tray?.image.replace(/^.*[\\/]/, '');
const line = (desk: DeskState, id: string) => desk.tray?.menu.find((each) => each.id === id);
const ids = (menu: readonly MenuLine[] | undefined) => menu?.map((each) => each.id);

test('the window opens with the real page, and the page hears of the state', async () => {
  const page = await app.page('#/servers');
  await page.getByRole('navigation').first().waitFor();
  expect(await page.title()).toContain('Sallyport');
  await app.until('the window to be shown', (desk) => desk.windows[0]?.visible && desk.windows[0].focused);

  app.setState({ servers: [files], status: sharing });
  await page.getByText('files', { exact: true }).first().waitFor();
});

test('a window that nobody sees is not drawn again, and is right when it is seen', async () => {
  const page = await app.page('#/servers');
  await page.getByRole('navigation').first().waitFor();
  const turn = (state: 'hidden' | 'visible') =>
    page.evaluate((value) => {
      Object.defineProperty(document, 'visibilityState', { configurable: true, get: () => value });
      document.dispatchEvent(new Event('visibilitychange'));
    }, state);
  await turn('hidden');
  app.setState({ servers: [files], status: sharing });
  await app.until('the tray to know', (desk) => line(desk, 'server:files'));
  expect(await page.getByText('files', { exact: true }).count()).toBe(0);
  await turn('visible');
  await page.getByText('files', { exact: true }).first().waitFor();
});

test('tray icon, words and menu follow the state', async () => {
  await app.until('the tray', (desk) => desk.tray && icon(desk) === 'off.png');
  const before = await app.desk();
  expect(before.tray?.imageIsEmpty).toBe(false);
  expect(before.tray?.tooltip).toBe('Sallyport: Nothing shared: nobody can reach this machine');
  expect(line(before, 'server:files')).toBeUndefined();

  app.setState({ servers: [files], status: sharing });
  const shared = await app.until('an open door', (desk) => icon(desk) === 'sharing.png' && desk);
  expect(line(shared, 'server:files')).toMatchObject({ label: 'files', checked: true });
  expect(shared.tray?.imageIsEmpty).toBe(false);

  app.setState({ paused: { at: new Date().toISOString() }, status: { ...sharing, state: 'paused' } });
  const paused = await app.until('a barred door', (desk) => icon(desk) === 'paused.png' && desk);
  expect(ids(paused.tray?.menu)).toContain('resume');
  expect(paused.tray?.imageIsEmpty).toBe(false);
});

test.each(['off', 'connecting', 'idle', 'sharing', 'attention', 'paused', 'trouble'])(
  'the shape %s has its pictures',
  (shape) => {
    for (const ending of ['', '@2x', 'Template', 'Template@2x']) {
      expect(existsSync(resolve(import.meta.dirname, `../../assets/tray/${shape}${ending}.png`)), ending).toBe(true);
    }
  },
);

describe('the tray’s menu', () => {
  test('pauses, resumes and unshares', async () => {
    app.setState({ servers: [files], status: sharing });
    await app.until('the server in the menu', (desk) => line(desk, 'server:files'));
    await app.command({ type: 'click-tray', id: 'pause' });
    await app.reported('request', (request) => request.name === 'pause' && request.front === 'window');
    await app.command({ type: 'click-tray', id: 'server:files' });
    const unshare = await app.reported('request', (request) => request.name === 'servers.unshare');
    expect(unshare.input).toEqual({ server: 'files' });
  });

  test('answers a prompt with the digest that was shown', async () => {
    app.openApproval(approval('a1'));
    await app.until('the prompt in the menu', (desk) => line(desk, 'approval:a1'));
    await app.command({ type: 'click-tray', id: 'approval:a1:allow' });
    const answer = await app.reported('request', (request) => request.name === 'approvals.answer');
    expect(answer.input).toMatchObject({ id: 'a1', digest: approval('a1').digest, answer: 'allow', for: 'once' });
  });

  test('opens the window, and brings it back after it was closed', async () => {
    const { targetId } = await app.until('the window', (desk) => desk.windows[0]?.visible && desk.windows[0]);
    await app.command({ type: 'close-window', targetId });
    await app.until('no window', (desk) => desk.windows.length === 0);
    await app.command({ type: 'click-tray', id: 'open' });
    await app.until('the window again', (desk) => desk.windows[0]?.visible && desk.windows[0].focused);
    const page = await app.page('#/servers');
    await page.getByRole('navigation').first().waitFor();
  });

  test('quits', async () => {
    await app.command({ type: 'click-tray', id: 'quit' }).catch(() => undefined);
    expect(await app.ended).toEqual({ status: 0, signal: null });
    await app.reported('stopped');
  });
});

describe('an approval', () => {
  beforeEach(async () => {
    // Nobody looks at the main window.
    const { targetId } = await app.until('the window', (desk) => desk.windows[0]?.focused && desk.windows[0]);
    await app.command({ type: 'blur-window', targetId });
  });

  const promptOf = (desk: DeskState) => desk.windows.find(({ url }) => url.includes('#/prompt/'));

  test('comes up above others without the keyboard, in the tray and as a notification', async () => {
    app.openApproval(approval('a1'));
    const prompt = await app.until('the prompt window', (desk) => promptOf(desk)?.visible && promptOf(desk));
    expect(prompt).toMatchObject({ focused: false, alwaysOnTop: true });
    const desk = await app.until('the notification', (each) => each.notifications[0] && each);
    expect(desk.notifications).toEqual([
      {
        title: 'Cla⟨U+202E⟩ude wants to write a file notes/plan.md',
        body: 'files · write_file\nwrite_file changes things',
        actions: ['Deny', 'Review…'],
      },
    ]);
    expect(icon(desk)).toBe('attention.png');
    const page = await app.page('#/prompt/a1');
    await page.getByRole('button', { name: /^Deny( ?D)?$/ }).waitFor();
  });

  test('a click on the notification opens the prompt with the keyboard', async () => {
    app.openApproval(approval('a1'));
    await app.until('notification and prompt', (desk) => desk.notifications[0] && promptOf(desk)?.visible);
    await app.command({ type: 'click-notification', index: 0 });
    await app.until('the prompt in front', (desk) => promptOf(desk)?.focused);
  });

  test('Deny on the notification denies what it showed; Review… opens the prompt', async () => {
    app.openApproval(approval('a1'));
    await app.until('the notification', (desk) => desk.notifications[0] && promptOf(desk)?.visible);
    await app.command({ type: 'click-notification', index: 0, action: 1 });
    await app.until('the prompt in front', (desk) => promptOf(desk)?.focused);
    expect(app.reports.some((each) => each.report === 'request' && each.name === 'approvals.answer')).toBe(false);
    await app.command({ type: 'click-notification', index: 0, action: 0 });
    const answer = await app.reported('request', (request) => request.name === 'approvals.answer');
    expect(answer.input).toMatchObject({ id: 'a1', digest: approval('a1').digest, answer: 'deny' });
  });

  test('goes away everywhere once it is answered', async () => {
    app.openApproval(approval('a1'));
    await app.until('notification and prompt', (desk) => desk.notifications[0] && promptOf(desk)?.visible);
    app.closeApproval('a1');
    await app.until('a tidy desk', (desk) => desk.notifications.length === 0 && !promptOf(desk));
    expect(icon(await app.desk())).toBe('sharing.png');
  });

  test('closed unanswered it stays in the tray', async () => {
    app.openApproval(approval('a1'));
    const prompt = await app.until('the prompt window', (desk) => promptOf(desk)?.visible && promptOf(desk));
    await app.command({ type: 'close-window', targetId: prompt.targetId });
    const desk = await app.until('it gone', (each) => !promptOf(each) && each);
    expect(line(desk, 'approval:a1')).toBeDefined();
    await app.command({ type: 'click-tray', id: 'approval:a1:review' });
    await app.until('the prompt in front', (each) => promptOf(each)?.focused);
  });

  test('many at once are three notifications and a count', async () => {
    for (let n = 1; n <= 12; n += 1) app.openApproval(approval(`a${n}`));
    await app.until('the count', (desk) =>
      desk.notifications.some(({ body }) => body === '9 more requests wait for you'),
    );
    await app.until('the prompt', promptOf);
    const desk = await app.desk();
    expect(desk.notifications).toHaveLength(4);
    expect(desk.windows).toHaveLength(2);
  });

  test('does not come up while the person looks at the main window', async () => {
    await app.command({ type: 'click-tray', id: 'open' });
    await app.until('the window in front', (desk) => desk.windows[0]?.focused);
    app.openApproval(approval('a1'));
    const desk = await app.until('the tray to say so', (each) => icon(each) === 'attention.png' && each);
    expect(promptOf(desk)).toBeUndefined();
    expect(desk.notifications).toEqual([]);
  });
});

test('a name with & keeps it in the menu', async () => {
  app.setState({ servers: [{ ...files, name: 'R&D notes' }], status: sharing });
  const desk = await app.until('the server in the menu', (each) => line(each, 'server:files') && each);
  expect(line(desk, 'server:files')?.label).toBe('R&&D notes');
});

describe('keys that work everywhere', () => {
  test('pause', async () => {
    await app.command({ type: 'press-shortcut', keys: 'CommandOrControl+Alt+Shift+P' });
    await app.reported('request', (request) => request.name === 'pause' && request.front === 'window');
  });

  test('show the window, or the prompt that waits', async () => {
    const { targetId } = await app.until('the window', (desk) => desk.windows[0]?.visible && desk.windows[0]);
    await app.command({ type: 'close-window', targetId });
    await app.until('no window', (desk) => desk.windows.length === 0);
    await app.command({ type: 'press-shortcut', keys: 'CommandOrControl+Alt+Shift+S' });
    const window = await app.until('the window', (desk) => desk.windows[0]?.focused && desk.windows[0]);
    await app.command({ type: 'blur-window', targetId: window.targetId });
    app.openApproval(approval('a1'));
    await app.until('the prompt, without the keyboard', (desk) =>
      desk.windows.some((each) => each.url.includes('#/prompt/') && each.visible && !each.focused),
    );
    await app.command({ type: 'press-shortcut', keys: 'CommandOrControl+Alt+Shift+S' });
    await app.until('the prompt in front', (desk) =>
      desk.windows.some((each) => each.url.includes('#/prompt/') && each.focused),
    );
  });
});

describe('not at the desk', () => {
  const promptOf = (desk: DeskState) => desk.windows.find(({ url }) => url.includes('#/prompt/'));
  const here = { locked: false, presenting: false };
  beforeEach(async () => {
    const { targetId } = await app.until('the window', (desk) => desk.windows[0]?.focused && desk.windows[0]);
    await app.command({ type: 'blur-window', targetId });
  });

  test('the core hears of the lock, and prompts wait unseen until it is gone', async () => {
    await app.command({ type: 'power', event: 'lock-screen' });
    await app.reported('locked');
    app.setState({ presence: { ...here, locked: true }, servers: [files], status: sharing });
    await app.until('the new state', (desk) => line(desk, 'server:files'));
    app.openApproval(approval('a1'));
    const desk = await app.until('the prompt in the menu', (each) => line(each, 'approval:a1') && each);
    expect(promptOf(desk)).toBeUndefined();
    expect(desk.notifications).toEqual([]);
    await app.command({ type: 'power', event: 'unlock-screen' });
    await app.reported('unlocked');
    app.setState({ presence: here });
    const prompt = await app.until('the prompt', (each) => promptOf(each)?.visible && promptOf(each));
    expect(prompt.focused).toBe(false);
  });

  test('on return one notification says what happened, and the first prompt comes up', async () => {
    const at = new Date().toISOString();
    app.setState({ presence: { ...here, away: { at, by: 'hand' } } });
    await app.until('the way back in the menu', (desk) => line(desk, 'back'));
    for (const id of ['a1', 'a2', 'a3']) app.openApproval(approval(id));
    await app.until('the prompts in the menu', (desk) => line(desk, 'approval:a3'));
    expect((await app.desk()).notifications).toEqual([]);
    await app.command({ type: 'click-tray', id: 'back' });
    await app.reported('request', ({ name, input }) => name === 'presence.set' && 'back' in (input as object));
    app.setState({ presence: { ...here, summary: { from: at, to: at, ran: 6, waiting: 3, expired: 1 } } });
    const desk = await app.until(
      'prompt and summary',
      (each) => promptOf(each)?.visible && each.notifications[0] && each,
    );
    expect(desk.notifications.map(({ body }) => body)).toEqual([
      'While you were away: 6 calls ran, 3 wait for you, 1 expired.',
    ]);
    expect(desk.windows).toHaveLength(2);
  });

  test('while presenting, tray and notification say who and the verb, and no values', async () => {
    app.setState({ presence: { ...here, presenting: true } });
    await app.until('the tick', (desk) => line(desk, 'presenting')?.checked);
    app.openApproval(approval('a1'));
    const desk = await app.until('the notification', (each) => each.notifications[0] && each);
    expect(desk.notifications[0]).toMatchObject({
      title: 'Cla⟨U+202E⟩ude wants to write a file',
      body: 'files · write_file',
    });
    expect(JSON.stringify([desk.notifications, desk.tray])).not.toContain('plan.md');
    await app.command({ type: 'click-tray', id: 'presenting' });
    const set = await app.reported('request', ({ name }) => name === 'presence.set');
    expect(set.input).toEqual({ presenting: false });
  });

  test('a prompt is heard once, where the person wants that', async () => {
    app.openApproval(approval('a1'));
    await app.until('the notification', (each) => each.notifications[0]);
    expect((await app.desk()).beeps).toBe(0);
    app.setState({ settings: { ...emptyState.settings, promptSound: true }, servers: [files], status: sharing });
    await app.until('the new state', (desk) => line(desk, 'server:files'));
    app.openApproval(approval('a2'));
    await app.until('the tone', (each) => each.beeps === 1);
  });

  test('one may go from the tray, for a while', async () => {
    await app.command({ type: 'click-tray', id: 'away:30m' });
    const set = await app.reported('request', ({ name }) => name === 'presence.set');
    expect(set.input).toEqual({ away: { forMs: 1_800_000 } });
  });
});

test('crash reports are kept here and sent nowhere', async () => {
  expect((await app.desk()).crashReports).toEqual([{ uploadToServer: false }]);
});

test('after sleep the tunnel is dialled again', async () => {
  await app.command({ type: 'power', event: 'resume' });
  await app.reported('retry-tunnel');
});
