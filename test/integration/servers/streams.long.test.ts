import { expect, it } from 'vitest';
import { readStream, startStreaming } from './streams.ts';

const mebibyte = 1024 * 1024;

it('a stream of 1 GiB is handed on event by event, in bounded memory', { timeout: 300_000 }, async () => {
  const read = await readStream(await startStreaming(), 1_024);
  expect(read).toMatchObject({ answered: true, events: 1_024 * 16, bytes: 1_024 * mebibyte });
  expect(read.grown).toBeLessThan(128 * mebibyte);
});
