import { resolve } from 'node:path';
import { buildIfStale } from '../../electron/launch/build-if-stale.mjs';

// `npm run demo` from a fresh clone: its processes run the built command line.
await buildIfStale({ root: resolve(import.meta.dirname, '../..'), say: (line) => console.log(line) });
await import('./demo.ts');
