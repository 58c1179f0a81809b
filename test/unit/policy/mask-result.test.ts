import { randomBytes } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { expect, it } from 'vitest';
import { maskResult } from '../../../electron/core/policy/mask-result.ts';
import { fromPlain, JsonObject, serializeJson } from '../../../electron/shared/json-tree.ts';

const token = `ghp_${'a1B2c3D4e5F6'.repeat(3)}`;
const object = (value: unknown): JsonObject => {
  const node = fromPlain(value);
  if (!(node instanceof JsonObject)) throw new Error('an object is needed');
  return node;
};
const text = (value: string) => object({ content: [{ type: 'text', text: value }] });

it('masks secrets in place and leaves everything else as it came', async () => {
  const plain = text('nothing here, commit 4b825dc642cb6eb9a060e54bf8d69288fbee4904');
  expect(await maskResult(plain, undefined)).toEqual({ result: plain, kinds: [], unseen: 0 });
  expect((await maskResult(plain, undefined)).result).toBe(plain);
  const { result, kinds } = await maskResult(text(`a ${token} b ${token} c`), undefined);
  expect(kinds).toEqual(['a GitHub token']);
  expect(serializeJson(result)).toBe(
    '{"content":[{"type":"text","text":"a ⟨secret removed: a GitHub token⟩ b ⟨secret removed: a GitHub token⟩ c"}]}',
  );
});

it('keeps JSON text valid, and finds secrets that lie across stretches of a long text', async () => {
  const json = JSON.stringify({ token, list: [1, 2] });
  const masked = serializeJson((await maskResult(text(json), undefined)).result);
  expect(JSON.parse(JSON.parse(masked).content[0].text)).toEqual({
    token: '⟨secret removed: a GitHub token⟩',
    list: [1, 2],
  });
  for (const before of [65_520, 40_950, 81_900, 200_000]) {
    const long = `${'x '.repeat(before / 2)}${token} ${'y '.repeat(50_000)}`;
    const { result } = await maskResult(text(long), undefined);
    expect(serializeJson(result)).not.toContain('a1B2');
    expect(serializeJson(result).match(/secret removed/g)).toHaveLength(1);
  }
});

it('masks structured content where its schema still holds, else withholds the result', async () => {
  const result = object({ content: [], structuredContent: { token, count: 1 } });
  const loose = fromPlain({ type: 'object', properties: { token: { type: 'string' } }, required: ['token'] });
  expect(await maskResult(result, loose)).not.toHaveProperty('withheld');
  for (const schema of [
    { properties: { token: { pattern: '^ghp_' } } },
    { properties: { token: { maxLength: 30, unevaluatedProperties: false } } },
  ]) {
    expect(await maskResult(result, fromPlain(schema))).toMatchObject({ withheld: expect.stringContaining('GitHub') });
  }
});

it('does with a server’s results what the person chose', async () => {
  const token = `ghp_${'a1B2c3D4e5F6'.repeat(3)}`;
  const given = fromPlain({
    content: [{ type: 'text', text: `a\u200bb \u001b[31mred\u001b[0m ${token} سلام\u200cدنیا` }],
  });
  if (!(given instanceof JsonObject)) throw new Error('an object');
  const textOf = async (secrets: 'mask' | 'pass', unseen: 'report' | 'remove') => {
    const masked = await maskResult(given, undefined, { secrets, unseen });
    return [serializeJson(masked.result), masked.unseen] as const;
  };
  const [usual, count] = await textOf('mask', 'report');
  expect([usual.includes(token), usual.includes('\u200b'), count]).toEqual([false, true, 4]);
  expect((await textOf('pass', 'report'))[0]).toBe(serializeJson(given));
  const [removed] = await textOf('pass', 'remove');
  expect(removed).toContain(`ab red ${token} سلامدنیا`);
});

it('gives others their turn while it looks through very many short texts', async () => {
  const many = object({
    content: Array.from({ length: 30_000 }, (_, index) => ({
      type: 'text',
      text: `line ${index} of a password list ${index}`,
    })),
  });
  let over = false;
  const masking = maskResult(many, undefined).finally(() => {
    over = true;
  });
  let turns = 0;
  while (!over) {
    await new Promise<void>((next) => setImmediate(next));
    turns += 1;
  }
  await masking;
  expect(turns).toBeGreaterThan(3);
});

it('masks a long text in a thread: the event loop is free for most of the time that it takes', async () => {
  const noise = randomBytes(3 * 1024 * 1024).toString('base64');
  const long = text(`${noise.slice(0, 3_000_000)} ${token} ${noise.slice(3_000_000)}`);
  const before = performance.eventLoopUtilization();
  const { result, kinds } = await maskResult(long, undefined);
  const { utilization } = performance.eventLoopUtilization(before);
  expect(kinds).toEqual(['a GitHub token']);
  expect(serializeJson(result).includes(token)).toBe(false);
  expect(utilization).toBeLessThan(0.5);
});
