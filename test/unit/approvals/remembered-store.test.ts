import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createRememberedFile } from '../../../electron/core/approvals/remembered-store.ts';
import type { SallyportError } from '../../../electron/shared/errors.ts';
import { createManualClock } from '../../manual-clock.ts';
import { call, stage } from './stage.ts';

let dataFolder: string;
const troubles: SallyportError[] = [];
const open = () =>
  createRememberedFile({ dataFolder, clock: createManualClock(), onTrouble: (error) => troubles.push(error) });
beforeEach(async () => {
  dataFolder = await mkdtemp(join(tmpdir(), 'sallyport-remembered-'));
  troubles.length = 0;
});
afterEach(() => rm(dataFolder, { recursive: true, force: true }));

it('keeps answers for always over a restart, in a file of the owner alone', async () => {
  const { ask, only, approvals } = stage({ store: open() });
  ask(call());
  approvals.answer({ id: only().id, answer: 'allow', scope: 'tool', for: 'always' }, 'window');
  const path = join(dataFolder, 'remembered.json');
  if (process.platform !== 'win32') expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect(await readdir(dataFolder)).toEqual(['remembered.json']);
  const again = stage({ store: open() });
  expect((await again.ask(call()).answer).by).toBe('remembered');
});

it('asks again where the file is damaged, and keeps it aside', async () => {
  await writeFile(join(dataFolder, 'remembered.json'), '{"schemaVersion":1,"answers":[{"effect":"allow"}]}');
  const { ask, approvals } = stage({ store: open() });
  ask(call());
  expect(approvals.list()).toHaveLength(1);
  expect(troubles.map(({ code }) => code)).toEqual(['remembered_unreadable']);
  expect((await readdir(dataFolder))[0]).toContain('.corrupt-');
});

it('does not touch the file of a newer version', async () => {
  const path = join(dataFolder, 'remembered.json');
  await writeFile(path, '{"schemaVersion":9}');
  const { ask, only, approvals } = stage({ store: open() });
  const request = ask(call());
  expect(() => approvals.answer({ id: only().id, answer: 'allow', for: 'always' }, 'cli')).toThrow(
    expect.objectContaining({ code: 'remembered_unwritable' }),
  );
  approvals.answer({ id: only().id, answer: 'allow', for: 'session' }, 'cli');
  expect((await request.answer).outcome).toBe('allowed');
  expect(await readFile(path, 'utf8')).toBe('{"schemaVersion":9}');
});
