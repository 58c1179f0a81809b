import { walkThrough } from './flows.ts';
import { launchers } from './launchers.ts';

for (const launcher of launchers()) if (launcher.name === 'double') walkThrough(launcher);
