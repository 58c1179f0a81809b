import { expect, it } from 'vitest';
import { checkIsolation } from '../../fuzz/isolation.ts';

it('no message reaches the wrong agent in 600 interleaved steps', { timeout: 60_000 }, async () => {
  const report = await checkIsolation(600, 20_261_122);
  for (const value of Object.values(report)) expect(value, JSON.stringify(report)).toBeGreaterThan(10);
});
