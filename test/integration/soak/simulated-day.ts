import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { startCore } from '../../../electron/core/core.ts';
import { createConfSettingsFile } from '../../../electron/core/settings/conf-settings-file.ts';
import type { RequestInput, RequestName, RequestOutput } from '../../../electron/shared/contract.ts';
import { createManualClock } from '../../manual-clock.ts';

/** Time that passes at once: shorter than a PING may take to be answered. */
const stepMs = 4_900;

/**
 * The whole app under a clock that a test moves in small steps: every probe and PING is a real one. The tunnel's connection holds, each probe
 * gets through, and no timer is left behind. (Renewals over months have tests of their own: real TLS goes by real time.)
 */
export async function simulate(hours: number): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'sp-days-'));
  const dataDir = join(folder, 'data');
  const clock = createManualClock(Date.now());
  const core = await startCore({
    dataDir,
    version: '0.0.0',
    clock,
    openSettingsFile: () => createConfSettingsFile(dataDir),
    selfCommand: [],
    cliMayDecide: true,
  });
  const ask = async <Name extends RequestName>(name: Name, input: RequestInput<Name>): Promise<RequestOutput<Name>> =>
    (await core.dispatcher.request(name, input, { front: 'test' })) as never;
  try {
    await expect.poll(async () => (await ask('tunnel.status', {})).state, { timeout: 10_000 }).toBe('connected');
    const [{ since } = { since: '' }] = (await ask('tunnel.status', {})).connections;
    expect((await ask('tunnel.probe', {})).ok).toBe(true);
    const timers = clock.pending;
    const failed: unknown[] = [];
    for (let at = 0; at < (hours * 3_600_000) / stepMs; at += 1) {
      clock.advance(stepMs);
      // One real request a step: by then PINGs are answered as well.
      const probe = await ask('tunnel.probe', {});
      if (!probe.ok) failed.push(probe);
    }
    expect(failed).toEqual([]);
    expect((await ask('tunnel.status', {})).connections).toMatchObject([{ since }]);
    expect(clock.pending).toBeLessThan(timers + 20);
  } finally {
    await core.stop();
    await rm(folder, { recursive: true, force: true });
  }
}
