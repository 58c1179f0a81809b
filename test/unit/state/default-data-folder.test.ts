import { expect, test } from 'vitest';
import { defaultDataFolder } from '../../../electron/core/state/data-folder.ts';

test.each([
  ['linux', {}, '/home/ann', '/home/ann/.local/share/sallyport'],
  ['linux', { XDG_DATA_HOME: '/data' }, '/home/ann', '/data/sallyport'],
  ['linux', { XDG_DATA_HOME: 'relative' }, '/home/ann', '/home/ann/.local/share/sallyport'],
  ['linux', { XDG_DATA_HOME: '' }, '/home/ann', '/home/ann/.local/share/sallyport'],
  ['darwin', { XDG_DATA_HOME: '/data' }, '/Users/ann', '/Users/ann/Library/Application Support/Sallyport'],
  [
    'win32',
    { APPDATA: 'C:\\Users\\ann\\AppData\\Roaming' },
    'C:\\Users\\ann',
    'C:\\Users\\ann\\AppData\\Roaming\\Sallyport',
  ],
  ['win32', {}, 'C:\\Users\\ann', 'C:\\Users\\ann\\AppData\\Roaming\\Sallyport'],
] as const)('on %s with %j', (platform, env, home, folder) => {
  expect(defaultDataFolder(platform, env, home)).toBe(folder);
});
