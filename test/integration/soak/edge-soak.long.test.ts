import { test } from 'vitest';
import { soakCalls, soakRefresh } from './edge-soak.ts';

test('two minutes with a kill every ten seconds: no wrong answer, nothing runs twice, what failed is told as failed', async () => {
  await soakCalls({ seconds: 120, killEverySeconds: 10 });
}, 240_000);

test('half a minute of refreshes with a kill every three seconds: no grant is lost', async () => {
  await soakRefresh({ seconds: 30, killEverySeconds: 3 });
}, 120_000);
