import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createPolicy } from '../../../electron/core/policy/create-policy.ts';
import { createPinFiles } from '../../../electron/core/policy/pin-store.ts';
import { createRequestLog } from '../../../electron/core/request-log/create-request-log.ts';
import { systemClock } from '../../../electron/core/state/system-clock.ts';
import { fromPlain, type JsonObject } from '../../../electron/shared/json-tree.ts';
import { allow, callOf, deny, logDeps } from '../../unit/request-log/calls.ts';
import { cliHere } from './cli.ts';

let dataDir: string;
const result = fromPlain({ content: [{ type: 'text', text: 'a note' }] });

beforeAll(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'sp-log-replay-'));
  const policy = createPolicy({
    store: createPinFiles({ dataFolder: dataDir, clock: systemClock }),
    dataFolder: dataDir,
    home: '/home/somebody',
  });
  const properties = { path: { type: 'string' } };
  const tool = { name: 'read_file', description: 'Reads a file.', inputSchema: { type: 'object', properties } };
  policy.approveAll('files', [fromPlain(tool) as JsonObject]);
  const log = createRequestLog({ path: join(dataDir, 'log.db'), clock: systemClock, ...logDeps() });
  const run = (id: string, path: string): void => {
    const judged = log.permit(log.decided(callOf(id, { args: { path } }), allow));
    log.completed(judged, { outcome: 'ran', result, bytesOut: 1 });
  };
  run('plain', '/srv/notes/a.md');
  run('secret', `/srv/notes/ghp_${'b'.repeat(36)}`);
  run('tax-1', '/srv/tax/2025.md');
  run('tax-2', '/srv/tax/2026.md');
  log.completed(log.decided(callOf('off', { name: 'delete_all' }), deny), { outcome: 'denied', bytesOut: 0 });
  log.close();
});
afterAll(() => rmSync(dataDir, { recursive: true, force: true }));

const lines = (text: string) =>
  text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

test('rules are tried on what the log holds: these calls would have asked', async () => {
  const rules = join(dataDir, 'tried.yaml');
  writeFileSync(
    rules,
    'version: 1\nrules:\n  - id: tax\n    when: { server: files, tool: read_file, paths-under: [/srv/tax] }\n    then: ask\n',
  );
  const tried = await cliHere(['policy', 'replay', '--log', '--rules', rules, '--data-dir', dataDir, '--json']);
  expect(tried.stderr).toBe('');
  const said = lines(tried.stdout);
  expect(said.map(({ id, was, decision, changed }) => [id, was, decision, changed])).toEqual([
    ['plain', 'allow', 'allow', false],
    ['secret', 'allow', expect.any(String), expect.any(Boolean)],
    ['tax-1', 'allow', 'ask', true],
    ['tax-2', 'allow', 'ask', true],
    ['off', 'deny', expect.any(String), expect.any(Boolean)],
    [undefined, undefined, undefined, undefined],
  ]);
  // What was masked in the log cannot be judged by rules that look inside.
  expect(said[1]).toMatchObject({ cannotTell: expect.stringContaining('secret') });
  expect(said.at(-1)).toMatchObject({ summary: { calls: 5, wouldAsk: expect.any(Number), cannotTell: 1 } });
  const human = await cliHere(['policy', 'replay', '--log', '--rules', rules, '--data-dir', dataDir]);
  expect(human.stdout).toMatch(/files\/read_file {2}was allow, would be ask/);
  expect(human.stdout).toMatch(/5 calls: \d would have asked/);
});

test('without other rules, those in force; a recording and the log are not both', async () => {
  const now = await cliHere(['policy', 'replay', '--log', '--since', '1h', '--data-dir', dataDir, '--json']);
  expect(
    lines(now.stdout)
      .slice(0, 4)
      .every(({ changed }) => changed === false),
  ).toBe(true);
  expect(
    (await cliHere(['policy', 'replay', '--log', '--since', '2099-01-01T00:00:00Z', '--data-dir', dataDir, '--json']))
      .stdout,
  ).toContain('"calls":0');
  for (const args of [['x', '--log'], [], ['x', '--since', '1h']]) {
    const failed = await cliHere(['policy', 'replay', ...args, '--data-dir', dataDir, '--json']);
    expect([failed.status, failed.error().code]).toEqual([2, 'usage']);
  }
});
