import { test } from 'vitest';
import { simulate } from './simulated-day.ts';

test('six simulated minutes: the connection holds and every probe gets through', async () => {
  await simulate(0.1);
}, 60_000);
