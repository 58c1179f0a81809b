import { test } from 'vitest';
import { simulate } from './simulated-day.ts';

test('four simulated hours: the connection holds and every probe gets through', async () => {
  await simulate(4);
}, 400_000);
