import { expect, it } from 'vitest';
import { fuzzGateway } from '../../fuzz/gateway-fuzz.ts';

it('100,000 broken requests get legal answers, and nothing is forwarded unjudged', { timeout: 1_800_000 }, async () => {
  const seed = Number(process.env.SALLYPORT_FUZZ_SEED ?? Date.now() % 2 ** 31);
  const report = await fuzzGateway(100_000, seed);
  console.info(JSON.stringify({ seed, ...report }));
  expect(report.statuses[500] ?? 0).toBe(0);
});
