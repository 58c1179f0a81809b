/**
 * The demo's app, in a process of its own: the product's core with a tap between connector and inner TLS.
 * `app-process.ts DATA_FOLDER`: prints a ready line, and its tap on SIGTERM.
 */
import { once } from 'node:events';
import { startCore } from '../../electron/core/core.ts';
import { createConfSettingsFile } from '../../electron/core/settings/conf-settings-file.ts';
import { systemClock } from '../../electron/core/state/system-clock.ts';
import { cliPath } from '../app-process.ts';
import { createTap } from '../byte-tap.ts';

const dataDir = process.argv[2] ?? '';
const tap = createTap();
const core = await startCore({
  dataDir,
  version: 'demo',
  clock: systemClock,
  openSettingsFile: () => createConfSettingsFile(dataDir),
  selfCommand: [process.execPath, cliPath],
  cliMayDecide: true,
  observe: (stream) => tap.wrap(stream, 'up'),
});
console.log(JSON.stringify({ ready: true }));
await once(process, 'SIGTERM');
await core.stop();
console.log(JSON.stringify(tap.report()));
