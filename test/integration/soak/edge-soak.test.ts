import { test } from 'vitest';
import { soakCalls, soakRefresh } from './edge-soak.ts';

test('the edge is killed while agents call: no wrong answer, nothing runs twice, what failed is told as failed', async () => {
  await soakCalls({ seconds: 6, killEverySeconds: 2 });
}, 60_000);

test('the edge is killed while a grant is refreshed: no grant is lost', async () => {
  await soakRefresh({ seconds: 5, killEverySeconds: 2 });
}, 60_000);
