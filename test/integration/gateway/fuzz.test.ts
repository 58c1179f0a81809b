import { expect, it } from 'vitest';
import { fuzzGateway } from '../../fuzz/gateway-fuzz.ts';

it('3,000 broken requests get legal answers, and nothing is forwarded unjudged', { timeout: 120_000 }, async () => {
  const seed = Number(process.env.SALLYPORT_FUZZ_SEED ?? 20_261_122);
  const report = await fuzzGateway(3_000, seed);
  console.info(JSON.stringify({ seed, ...report }));
  expect(report.statuses[500] ?? 0).toBe(0);
});
