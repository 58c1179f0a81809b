import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { busSocketPath, hasTrayHost } from '../../electron/shell/status-notifier.ts';
import { isWayland } from '../../electron/shell/wayland.ts';
import { type BusAnswer, type FakeBus, startFakeBus } from './fake-bus.ts';
import { FixtureApp } from './fixture-app.ts';
import { approval, emptyState, files, sharing } from './states.ts';

const cleanUp: (() => unknown)[] = [];
afterEach(async () => {
  for (const clean of cleanUp.splice(0).reverse()) await clean();
});

function bus(answer: BusAnswer): FakeBus {
  const started = startFakeBus(answer);
  cleanUp.push(() => started.stop());
  return started;
}
async function start(options: Parameters<typeof FixtureApp.start>[0] = {}): Promise<FixtureApp> {
  const app = await FixtureApp.start(options);
  cleanUp.push(() => app.stop());
  return app;
}

describe('who shows tray icons', () => {
  test.each<[BusAnswer, boolean]>([
    ['host', true],
    ['no-host', false],
    ['no-watcher', false],
    ['refuses', false],
    ['garbage', false],
    ['silent', false],
  ])('a bus that answers %s: %s', async (answer, expected) => {
    const { address, heard } = bus(answer);
    expect(await hasTrayHost(address, 1_000)).toBe(expected);
    expect(heard()).toContain('AUTH EXTERNAL 31303030\r\n');
    if (expected) expect(heard()).toContain('IsStatusNotifierHostRegistered');
  });

  test.each([
    ['unix:path=/run/user/1000/bus', '/run/user/1000/bus'],
    ['unix:abstract=/tmp/dbus-x,guid=1', '\0/tmp/dbus-x'],
    ['unix:path=/a%20b/bus', '/a b/bus'],
    ['tcp:host=localhost,port=1;unix:path=/second', '/second'],
    ['', undefined],
    ['autolaunch:', undefined],
  ])('%s is at %s', (address, path) => {
    expect(busSocketPath(address)).toBe(path);
  });

  test('no bus at all is no host', async () => {
    expect(await hasTrayHost('unix:path=/nonexistent/bus', 0)).toBe(false);
    expect(await hasTrayHost(undefined, 0)).toBe(false);
  });
});

test.each([
  ['linux', { XDG_SESSION_TYPE: 'wayland' }, [], true],
  ['linux', { WAYLAND_DISPLAY: 'wayland-0' }, [], true],
  ['linux', { WAYLAND_DISPLAY: 'wayland-0' }, ['--ozone-platform=x11'], false],
  ['linux', { XDG_SESSION_TYPE: 'x11', WAYLAND_DISPLAY: '' }, [], false],
  ['darwin', { WAYLAND_DISPLAY: 'wayland-0' }, [], false],
] as const)('%s with %o %o places windows itself: %s', (platform, environment, args, expected) => {
  expect(isWayland(platform, environment, args)).toBe(expected);
});

test('where the compositor places windows, a prompt asks for attention in the taskbar until it is looked at', async () => {
  const app = await start({ env: { XDG_SESSION_TYPE: 'wayland' } });
  const { targetId } = await app.until('the window', (desk) => desk.windows[0]?.focused && desk.windows[0]);
  await app.command({ type: 'blur-window', targetId });
  app.openApproval(approval('a1'));
  const flashing = await app.until('attention', (desk) => desk.windows.find((each) => each.flashing));
  expect(flashing).toMatchObject({ focused: false, options: { skipTaskbar: false } });
  const { notifications } = await app.until('the notification', (desk) => desk.notifications[0] && desk);
  expect(notifications[0]?.actions).toEqual(['Deny', 'Review…']);
  await app.command({ type: 'click-notification', index: 0, action: 1 });
  await app.until('it looked at', (desk) =>
    desk.windows.some((each) => each.focused && !each.flashing && each.alwaysOnTop),
  );
});

describe('closing the window', () => {
  test('without a tray it minimises, keeps its title, and quits all the same', async () => {
    const { address } = bus('no-watcher');
    const app = await start({ env: { DBUS_SESSION_BUS_ADDRESS: address } });
    expect((await app.reported('started')).trayShown).toBe(false);
    app.setState({ servers: [files, { ...files, slug: 'notes', name: 'notes' }], status: sharing });
    const page = await app.page('#/servers');
    await expect.poll(() => page.title()).toBe('Sallyport · sharing 2');
    const { targetId } = await app.until('the window', (desk) => desk.windows[0]?.visible && desk.windows[0]);
    await app.command({ type: 'close-window', targetId });
    await app.until('it minimised', (desk) => desk.windows[0]?.minimized);
    await app.command({ type: 'click-tray', id: 'open' });
    await app.until('it back', (desk) => desk.windows[0]?.focused && !desk.windows[0].minimized);
    app.process.kill('SIGTERM');
    expect(await app.ended).toEqual({ status: 0, signal: null });
  });

  test('with a tray it goes, and the app stays', async () => {
    const { address } = bus('host');
    const app = await start({ env: { DBUS_SESSION_BUS_ADDRESS: address } });
    expect((await app.reported('started')).trayShown).toBe(true);
    const { targetId } = await app.until('the window', (desk) => desk.windows[0]?.visible && desk.windows[0]);
    await app.command({ type: 'close-window', targetId });
    await app.until('no window', (desk) => desk.windows.length === 0 && desk.tray);
  });
});

test('open at login writes the autostart entry, hidden, and takes it away', async () => {
  const config = mkdtempSync(join(tmpdir(), 'sallyport-config-'));
  cleanUp.push(() => rmSync(config, { recursive: true, force: true }));
  const app = await start({ env: { XDG_CONFIG_HOME: config } });
  const entry = (): string | undefined => {
    try {
      return readFileSync(join(config, 'autostart/sallyport.desktop'), 'utf8');
    } catch {
      return undefined;
    }
  };
  await app.until('the tray', (desk) => desk.tray);
  expect(entry()).toBeUndefined();
  app.setState({ settings: { ...emptyState.settings, openAtLogin: true } });
  await expect.poll(entry).toContain(`"--data-dir" "${app.dataDir}" "--hidden"`);
  expect(entry()).toContain('X-GNOME-Autostart-enabled=true');
  app.setState({ settings: { ...emptyState.settings, openAtLogin: false } });
  await expect.poll(entry).toBeUndefined();
});

describe('links', () => {
  test('a second instance with a link opens that page and nothing else', async () => {
    const app = await start();
    await app.until('the window', (desk) => desk.windows[0]?.visible);
    const second = new FixtureApp({ dataDir: app.dataDir, args: ['sallyport://tunnel'] });
    cleanUp.push(() => second.stop());
    expect(await second.ended).toEqual({ status: 0, signal: null });
    await app.until('the page', (desk) => desk.windows[0]?.url.endsWith('#/tunnel'));
    const asked = app.reports.filter((each) => each.report === 'request').map((each) => each.name);
    expect(
      asked.filter((name) => !/^(log\.list|tunnel\.ca|tunnel\.network|app\.about|servers\.discover)$/.test(name)),
    ).toEqual([]);
  });

  test('a link that says more than a page opens nothing', async () => {
    const app = await start({ args: ['--hidden'] });
    await app.until('the tray', (desk) => desk.tray);
    await app.command({ type: 'open-url', url: 'sallyport://servers/add?command=rm' });
    await app.command({ type: 'open-url', url: 'sallyport://approvals' });
    const desk = await app.until('one window', (each) => each.windows[0]?.visible && each);
    expect(desk.windows.map(({ url }) => url)).toEqual(['app://ui/index.html#/approvals']);
  });
});
