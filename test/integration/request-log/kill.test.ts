import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, test } from 'vitest';
import { createRequestLog } from '../../../electron/core/request-log/create-request-log.ts';
import { exportLogFile, verifyLogFile } from '../../../electron/core/request-log/log-file.ts';
import { systemClock } from '../../../electron/core/state/system-clock.ts';
import { logDeps } from '../../unit/request-log/calls.ts';

const child = join(import.meta.dirname, 'log-writer-child.ts');

async function killAfter(path: string, prefix: string, lines: number): Promise<string[]> {
  const writer = spawn(process.execPath, [child, path, prefix], { stdio: ['ignore', 'pipe', 'inherit'] });
  const said: string[] = [];
  for await (const line of createInterface({ input: writer.stdout })) {
    said.push(line);
    if (said.length === lines) writer.kill('SIGKILL');
  }
  return said;
}

test('after kill -9 at any moment the chain is good, nothing acknowledged is lost, and what was open is closed', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-kill-'));
  const path = join(folder, 'log.db');
  try {
    const said: string[] = [];
    for (const [prefix, lines] of [
      ['a', 40],
      ['b', 201],
      ['c', 7],
      ['d', 333],
    ] as const) {
      said.push(...(await killAfter(path, prefix, lines)));
      expect(await verifyLogFile(path)).toMatchObject({ ok: true });
    }
    createRequestLog({ path, clock: systemClock, ...logDeps() }).close();
    expect(await verifyLogFile(path)).toMatchObject({ ok: true });
    const rows = new Map([...exportLogFile(path)].map((row) => [row.id, row]));
    for (const line of said) {
      const [what = '', id = ''] = line.split(' ');
      const outcome = rows.get(id)?.outcome;
      if (what === 'completed') expect(outcome, id).toBe('ran');
      else expect(['ran', 'unknown'], id).toContain(outcome);
    }
    // Every call has exactly one end, and what nobody had allowed says that it never ran.
    expect(rows.get('a-1')).toMatchObject({ outcome: 'unknown', error: expect.stringContaining('may have happened') });
    expect(rows.get('a-0')).toMatchObject({ outcome: 'unknown', error: expect.stringContaining('never reached') });
    expect([...rows.values()].filter((row) => row.kind === 'call' && row.outcome === undefined)).toEqual([]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
