import { expect } from 'vitest';
import { modernCall, openTunnelStage } from './tunnel-stage.ts';

/**
 * Calls run while the stand-in is restarted again and again. Afterwards: nothing ran twice, nothing that did not run was
 * reported as run, every command was answered, and no rule was broken.
 */
export async function soak(options: { readonly seconds: number; readonly restartEvery: number }): Promise<void> {
  const tunnel = await openTunnelStage();
  const { plane, stage } = tunnel;
  try {
    plane.holdMs = 500;
    await tunnel.until((state) => state === 'connected');
    const end = performance.now() + options.seconds * 1_000;
    const answered = new Map<string, boolean>();
    let next = 0;
    let restarts = 0;
    const caller = async (): Promise<void> => {
      while (performance.now() < end) {
        const id = `call-${next}`;
        next += 1;
        const copies = next % 7 === 0 ? 2 : 1;
        const answer = await plane.call(modernCall(id, 'read_note', { path: id }), { copies });
        answered.set(
          id,
          answer.resp_type === 'jsonrpc_response' && 'resp_json' in answer && 'result' in answer.resp_json,
        );
        expect(JSON.stringify(answer)).toContain(id);
      }
    };
    const restarting = async (): Promise<void> => {
      while (performance.now() < end) {
        await new Promise((resolve) => setTimeout(resolve, options.restartEvery * 1_000));
        await plane.down();
        await new Promise((resolve) => setTimeout(resolve, 300));
        await plane.up();
        restarts += 1;
      }
    };
    await Promise.all([restarting(), ...Array.from({ length: 4 }, caller)]);
    const runs = new Map<string, number>();
    for (const row of await rows(tunnel)) {
      const { path } = row.arguments as { path: string };
      if (row.outcome === 'ran') runs.set(path, (runs.get(path) ?? 0) + 1);
    }
    const twice = [...runs].filter(([, count]) => count > 1);
    const claimed = [...answered].filter(([id, ok]) => ok && !runs.has(id));
    expect({ twice, claimed }).toEqual({ twice: [], claimed: [] });
    expect([...answered.values()].filter((ok) => !ok)).toEqual([]);
    expect(answered.size).toBe(next);
    expect(restarts).toBeGreaterThan(0);
    expect(plane.violations).toEqual([]);
    expect(stage.problems).toEqual([]);
    expect((await stage.log.verify()).ok).toBe(true);
    process.stdout.write(`soak: ${next} calls, ${restarts} restarts, ${plane.posts.length} posts\n`);
  } finally {
    await tunnel.close();
  }
}

async function rows({ stage }: Awaited<ReturnType<typeof openTunnelStage>>) {
  const found = [];
  let before: number | undefined;
  for (;;) {
    const page = stage.log.list({ limit: 500, ...(before === undefined ? {} : { before }) });
    found.push(...page.rows.filter((row) => row.kind === 'call'));
    if (page.next === undefined) return found;
    before = page.next;
  }
}
