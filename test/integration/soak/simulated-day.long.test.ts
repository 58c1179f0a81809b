import { test } from 'vitest';
import { simulate } from './simulated-day.ts';

test('24 simulated hours: the connection holds and every probe gets through', async () => {
  await simulate(24);
}, 900_000);
