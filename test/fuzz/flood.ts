import { join } from 'node:path';
import { initialize, legacy, openStage, stream } from '../integration/gateway/stage.ts';

const fixture = join(import.meta.dirname, '../fixtures/gateway/flood-server.ts');

/** What came of a flood. */
export interface FloodReport {
  readonly mebibytes: number;
  /** Progress notifications that arrived, of 64 KiB each; a slow reader loses some. */
  readonly arrived: number;
  /** Most memory that gateway, client and test together held above what they held before, in MiB. */
  readonly grownMiB: number;
  readonly seconds: number;
  readonly answer: string;
}

/** Has a server say `mebibytes` on the stream of one call, and watches this process' memory. */
export async function flood(mebibytes: number): Promise<FloodReport> {
  const stage = await openStage({ target: { kind: 'stdio', command: process.execPath, args: [fixture], env: [] } });
  try {
    const session = await initialize(stage);
    const call = { name: 'get_flood', arguments: { mebibytes }, _meta: { progressToken: 'p' } };
    const before = process.memoryUsage.rss();
    const began = performance.now();
    const reading = await stream(stage, legacy(session, 'tools/call', call, 1));
    let arrived = 0;
    let most = before;
    for (;;) {
      const message = (await reading.next()) as { method?: string; result?: unknown } | undefined;
      if (arrived % 64 === 0) most = Math.max(most, process.memoryUsage.rss());
      if (message?.method === 'notifications/progress') {
        arrived += 1;
        continue;
      }
      const seconds = Math.round((performance.now() - began) / 100) / 10;
      const grownMiB = Math.round((most - before) / 1024 / 1024);
      return { mebibytes, arrived, grownMiB, seconds, answer: JSON.stringify(message?.result ?? message) };
    }
  } finally {
    await stage.close();
  }
}
