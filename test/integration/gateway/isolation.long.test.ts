import { expect, it } from 'vitest';
import { checkIsolation } from '../../fuzz/isolation.ts';

it('no message reaches the wrong agent in 6,000 interleaved steps', { timeout: 300_000 }, async () => {
  const seed = Number(process.env.SALLYPORT_FUZZ_SEED ?? Date.now() % 2 ** 31);
  const report = await checkIsolation(6_000, seed);
  console.info(JSON.stringify({ seed, ...report }));
  expect(report.answered).toBeGreaterThan(1_000);
});
