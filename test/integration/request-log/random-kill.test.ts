import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import { verifyLogFile } from '../../../electron/core/request-log/log-file.ts';
import { keyText, removedSeal } from '../../../electron/core/request-log/seals.ts';
import type { Verification } from '../../../electron/core/request-log/verify-chain.ts';
import { createSeeded } from '../../seeded.ts';
import { keysIn } from './log-keys-file.ts';

const child = join(import.meta.dirname, 'effects-child.ts');
const rounds = 7;

/** Lets it run for so many lines, and a little longer, then kills it wherever it is. */
async function runAndKill(folder: string, prefix: string, lines: number, more: number): Promise<void> {
  const writer = spawn(process.execPath, [child, folder, prefix], { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = 0;
  for await (const _line of createInterface({ input: writer.stdout })) {
    said += 1;
    if (said === lines) setTimeout(() => writer.kill('SIGKILL'), more);
  }
}

test(`after kill -9 at ${rounds} random moments the log verifies, signatures and end included, and nothing ran without its row`, {
  timeout: 120_000,
}, async () => {
  const { below } = createSeeded(9);
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-random-kill-'));
  const path = join(folder, 'log.db');
  const verify = (): Verification => {
    const { sealKey, anchor } = keysIn(folder);
    return verifyLogFile(path, { key: keyText(sealKey), ...(anchor ? { anchor } : {}) });
  };
  try {
    for (let round = 0; round < rounds; round += 1) {
      await runAndKill(folder, `r${round}`, 1 + below(45), below(12));
      expect(verify(), `round ${round}`).toMatchObject({ ok: true, signedBy: 'us' });
    }
    const database = new DatabaseSync(path, { readOnly: true });
    const gone = removedSeal(database)?.seq ?? 0;
    const rows = new Map(
      database
        .prepare("SELECT call, seq FROM ev WHERE kind = 'decided'")
        .all()
        .map(({ call, seq }) => [String(call), Number(seq)]),
    );
    const effects = existsSync(join(folder, 'effects'))
      ? readFileSync(join(folder, 'effects'), 'utf8').trim().split('\n')
      : [];
    // What retention took away is older than all that is left: each effect without a row comes before the first with one.
    const first = effects.findIndex((id) => rows.has(id));
    expect(effects.slice(first).filter((id) => !rows.has(id))).toEqual([]);
    expect(effects.length).toBeGreaterThan(300);
    const allowed = database.prepare(
      "SELECT decision = 'allow' OR EXISTS (SELECT 1 FROM ev a WHERE a.head = d.seq AND a.kind = 'answered' AND a.decision = 'allowed') AS ok FROM ev d WHERE seq = ?",
    );
    for (const id of effects.slice(first)) expect(allowed.get(rows.get(id) ?? 0)?.ok, id).toBe(1);
    database.close();
    expect(gone).toBeGreaterThan(0);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
