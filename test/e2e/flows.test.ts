import { walkThrough } from './flows.ts';
import { launchers } from './launchers.ts';

// The desktop app is walked through where its binary is; its double takes long and runs in the long suite.
for (const launcher of launchers()) if (launcher.name !== 'double') walkThrough(launcher);
