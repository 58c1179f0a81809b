import { expect, it } from 'vitest';
import { flood } from '../../fuzz/flood.ts';

it('a call that says 1 GiB on its stream costs little memory, and ends', { timeout: 600_000 }, async () => {
  const report = await flood(1_024);
  console.info(JSON.stringify(report));
  expect(report.answer).toContain('16384 said');
  expect(report.grownMiB).toBeLessThan(384);
});
