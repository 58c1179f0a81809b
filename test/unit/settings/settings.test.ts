import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createConfSettingsFile } from '../../../electron/core/settings/conf-settings-file.ts';
import type { SettingsData } from '../../../electron/core/settings/settings.ts';
import { defaultSettings } from '../../../electron/core/settings/settings-document.ts';
import { createSettings } from '../../../electron/core/settings/settings-station.ts';
import { createManualClock } from '../../manual-clock.ts';
import { withoutRoot } from '../../without-root.ts';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sallyport-settings-'));
  path = join(folder, 'settings.json');
});
afterEach(() => rmSync(folder, { recursive: true }));

let opened = 0;
function open() {
  return createSettings({
    path,
    openFile() {
      opened += 1;
      return createConfSettingsFile(folder);
    },
    clock: createManualClock(),
  });
}

const server: SettingsData['servers'][number] = {
  slug: 'mail',
  name: 'Mail',
  target: { kind: 'stdio', command: 'npx', args: ['-y', 'mail'], env: ['KEY.WITH.DOTS'] },
  shared: true,
};

describe('settings', () => {
  test('begin with the documented defaults', () => {
    const settings = open();
    expect(settings.get()).toEqual(defaultSettings());
    expect(settings.get().ports).toEqual({ edge: { port: 47443, chosen: false }, ui: { port: 47480, chosen: false } });
    expect(settings.get().tunnel).toEqual({ way: 'embedded', domain: 'localhost' });
    expect(settings.notices).toEqual([]);
  });

  test('come back after a restart, in a file of their owner', () => {
    const settings = open();
    const heard: SettingsData[] = [];
    const stop = settings.onChange((next) => heard.push(next));
    settings.update((current) => ({ ...current, servers: [server], paused: { at: '2026-11-22T12:00:00.000Z' } }));
    stop();
    settings.update((current) => ({ ...current, openAtLogin: true }));
    expect(heard).toHaveLength(1);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const again = open().get();
    expect(again.servers).toEqual([server]);
    expect(again.openAtLogin).toBe(true);
    expect(again).toEqual(settings.get());
  });

  test('forget what was taken away', () => {
    open().update((current) => ({ ...current, paused: { at: '2026-11-22T12:00:00.000Z' } }));
    open().update(({ paused: _over, ...rest }) => rest);
    expect(open().get().paused).toBeUndefined();
    expect(readFileSync(path, 'utf8')).not.toContain('paused');
  });

  test('keep members that they do not know, at the top and inside', () => {
    const document = {
      ...defaultSettings(),
      theme: { 'a.b': 1 },
      tunnel: { way: 'embedded', domain: 'localhost', x: 2 },
    };
    writeFileSync(path, JSON.stringify(document));
    // Even a change that is written out member by member drops nothing at the top.
    open().update((current) => ({
      schemaVersion: 1,
      servers: current.servers,
      tunnel: current.tunnel,
      ports: current.ports,
      cliMayDecide: true,
      openAtLogin: false,
    }));
    expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual({ ...document, cliMayDecide: true });
  });

  test('refuse what does not fit, and stay as they were', () => {
    const settings = open();
    const bad = { ...defaultSettings(), ports: { edge: { port: 0, chosen: true }, ui: { port: 1, chosen: true } } };
    expect(() => settings.update(() => bad)).toThrow(
      expect.objectContaining({ code: 'settings_invalid', message: expect.stringContaining('ports.edge.port') }),
    );
    expect(settings.get()).toEqual(defaultSettings());
  });
});

describe('a settings file', () => {
  test('that is newer is not touched, and nothing else opens it', () => {
    const text = JSON.stringify({ schemaVersion: 2, whatever: true });
    writeFileSync(path, text);
    opened = 0;
    expect(open).toThrow(expect.objectContaining({ code: 'settings_newer', hop: 'app' }));
    expect(opened).toBe(0);
    expect(readFileSync(path, 'utf8')).toBe(text);
    expect(readdirSync(folder)).toEqual(['settings.json']);
  });

  test.each([
    ['no JSON', '{"schemaVersion": 1,'],
    ['empty', ''],
    ['no object', '[]'],
    ['without version', '{}'],
    ['with a broken version', '{"schemaVersion":1.5}'],
    ['with a port out of range', JSON.stringify({ ...defaultSettings(), ports: { edge: { port: 70_000 } } })],
  ])('that is %s is kept aside and reported', (_name, text) => {
    writeFileSync(path, text);
    const settings = open();
    expect(settings.get()).toEqual(defaultSettings());
    const notice = settings.notices[0];
    expect(notice?.code).toBe('settings_kept_aside');
    expect(notice?.path).toBe(join(folder, 'settings.corrupt-2026-11-22T12-00-00.000Z.json'));
    expect(readFileSync(notice?.path ?? '', 'utf8')).toBe(text);
    settings.update((current) => ({ ...current, openAtLogin: true }));
    expect(open().notices).toEqual([]);
    // A second one at the same moment does not take the place of the first.
    writeFileSync(path, 'x');
    expect(open().notices[0]?.path).toMatch(/Z-2\.json$/);
    expect(readFileSync(notice?.path ?? '', 'utf8')).toBe(text);
  });

  test('that cannot be written is said, and nothing changes', () => {
    const settings = open();
    rmSync(folder, { recursive: true });
    writeFileSync(folder, 'a file where the folder was');
    const change = () => settings.update((current) => ({ ...current, openAtLogin: true }));
    expect(change).toThrow(expect.objectContaining({ code: 'settings_unwritable', hop: 'app' }));
    expect(settings.get().openAtLogin).toBe(false);
    rmSync(folder);
    mkdirSync(folder);
  });

  test.skipIf(process.platform === 'win32')('in a read-only folder is said', async () => {
    const settings = open();
    chmodSync(folder, 0o500);
    await withoutRoot([folder], () => {
      const change = () => settings.update((current) => ({ ...current, openAtLogin: true }));
      expect(change).toThrow(expect.objectContaining({ code: 'settings_unwritable' }));
    });
    chmodSync(folder, 0o700);
  });
});
