import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readFileSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type CommandJournal, openCommandJournal } from '../../../electron/core/tunnel/connectors/openai-journal.ts';
import { createManualClock } from '../../manual-clock.ts';

let folder: string;
const opened: CommandJournal[] = [];
const clock = createManualClock();
const open = (path = join(folder, 'commands.db'), tunnelId = 'tunnel_a'): CommandJournal => {
  const journal = openCommandJournal({ path, tunnelId, clock });
  opened.push(journal);
  return journal;
};

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sallyport-journal-'));
});
afterEach(() => {
  for (const journal of opened.splice(0)) journal.close();
  rmSync(folder, { recursive: true, force: true });
});

describe('the journal of commands', () => {
  it('lets one claim win, also between two that are open at once', () => {
    const [one, other] = [open(), open()];
    expect(one.claim('r')).toBe('new');
    expect(other.claim('r')).toBe('begun');
    one.answered('r');
    expect(other.claim('r')).toBe('answered');
  });

  it('knows commands by tunnel, and holds no id in the clear', () => {
    const journal = open();
    expect(journal.claim('request-in-the-clear')).toBe('new');
    expect(open(undefined, 'tunnel_b').claim('request-in-the-clear')).toBe('new');
    for (const suffix of ['', '-wal']) {
      expect(readFileSync(join(folder, `commands.db${suffix}`)).includes('request-in-the-clear')).toBe(false);
    }
  });

  it('forgets after a day, and not before', () => {
    open().claim('r');
    clock.advance(23 * 3_600_000);
    expect(open().claim('r')).toBe('begun');
    clock.advance(2 * 3_600_000);
    expect(open().claim('r')).toBe('new');
  });

  it('has what it claimed after a kill', async () => {
    const path = join(folder, 'commands.db');
    const module = pathToFileURL(
      join(import.meta.dirname, '../../../electron/core/tunnel/connectors/openai-journal.ts'),
    );
    const script = `import { openCommandJournal } from ${JSON.stringify(module.href)};
      const journal = openCommandJournal({ path: ${JSON.stringify(path)}, tunnelId: 'tunnel_a', clock: { now: () => 0 } });
      process.stdout.write(journal.claim('r'));
      setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [said] = (await once(child.stdout, 'data')) as [Buffer];
    expect(said.toString()).toBe('new');
    child.kill('SIGKILL');
    await once(child, 'close');
    const journal = openCommandJournal({ path, tunnelId: 'tunnel_a', clock: { now: () => 0 } });
    opened.push(journal);
    expect(journal.claim('r')).toBe('begun');
  });

  it('is whole after a crash at any write: claimed or not, never something else', () => {
    const path = join(folder, 'commands.db');
    const before = open(path);
    before.claim('earlier');
    const small = readFileSync(`${path}-wal`).length;
    before.claim('r');
    const whole = readFileSync(`${path}-wal`).length;
    expect(whole).toBeGreaterThan(small);
    const found = new Map<number, string>();
    for (let length = small; length <= whole; length = Math.min(whole, length + 509)) {
      const copy = mkdtempSync(join(folder, 'copy-'));
      for (const suffix of ['', '-wal']) cpSync(path + suffix, join(copy, `commands.db${suffix}`));
      truncateSync(join(copy, 'commands.db-wal'), length);
      const journal = open(join(copy, 'commands.db'));
      expect(journal.claim('earlier')).toBe('begun');
      found.set(length, journal.claim('r'));
      if (length === whole) break;
    }
    expect(new Set(found.values())).toEqual(new Set(['new', 'begun']));
    expect(found.get(whole)).toBe('begun');
  });
});
