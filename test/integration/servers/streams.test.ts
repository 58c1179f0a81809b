import { expect, it } from 'vitest';
import { callTool, station, textOf, urlRecord } from './station.ts';
import { readStream, startStreaming } from './streams.ts';

const mebibyte = 1024 * 1024;

it('a stream of 96 MiB is handed on event by event, in bounded memory', { timeout: 60_000 }, async () => {
  const read = await readStream(await startStreaming(), 96);
  expect(read).toMatchObject({ answered: true, events: 96 * 16, bytes: 96 * mebibyte });
  expect(read.grown).toBeLessThan(80 * mebibyte);
});

it('a result of 15 MiB arrives whole, as JSON and as one event; one of 17 MiB is refused', {
  timeout: 60_000,
}, async () => {
  const servers = station();
  try {
    const session = await servers.connect(urlRecord(await startStreaming()), 'a');
    for (const as of ['json', 'event'] as const) {
      expect(textOf(await callTool(session, 'get_much', { mebibytes: 15, as }))).toHaveLength(15 * mebibyte);
      await expect(callTool(session, 'get_much', { mebibytes: 17, as })).rejects.toMatchObject({
        code: 'server_wrong_output',
        message: 'Under test answered with more than 16 MiB.',
      });
    }
    expect(textOf(await callTool(session, 'get_much', { mebibytes: 1, as: 'json' }))).toHaveLength(mebibyte);
  } finally {
    await servers.stopAll(300);
  }
});
