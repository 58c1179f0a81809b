import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { cliHere } from './cli.ts';

let folder: string;
let trace: string;
let rules: string;

const definition = (name: string, parameter = 'path') => ({
  name,
  inputSchema: { type: 'object', properties: { [parameter]: { type: 'string' } } },
});
const call = (server: string, tool: string, args: unknown, text?: string) => ({
  type: 'call',
  server,
  tool,
  arguments: args,
  ...(text === undefined ? {} : { result: { content: [{ type: 'text', text }] } }),
});
const lines = [
  {
    type: 'tools',
    server: 'files',
    tools: [definition('read_file'), definition('write_file'), definition('run_command', 'command')],
  },
  call('files', 'read_file', { path: '/srv/a' }, 'pay to account 4711-0815'),
  call('files', 'write_file', { path: '/srv/a' }),
  call('files', 'write_file', { path: '/srv/b' }),
  call('files', 'run_command', { command: 'ls' }),
  call('files', 'run_command', { command: 'ls' }),
  call('mail', 'send_email', { to: '4711-0815' }),
  {
    type: 'tools',
    server: 'files',
    tools: [definition('read_file', 'file'), definition('write_file'), definition('new_tool')],
  },
  call('files', 'read_file', { path: '/srv/a' }),
  call('files', 'new_tool', {}),
  call('files', 'run_command', { command: 'ls' }),
  { type: 'session' },
  call('files', 'write_file', { path: '/srv/a' }),
  call('mail', 'send_email', { to: '4711-0815' }),
];

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sp-policy-'));
  trace = join(folder, 'trace.jsonl');
  rules = join(folder, 'given.yaml');
  writeFileSync(trace, `${lines.map((line) => JSON.stringify(line)).join('\n')}\n`);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const replay = async (...options: string[]) => {
  const run = await cliHere(['policy', 'replay', trace, '--data-dir', folder, ...options]);
  expect(run.stderr).toBe('');
  return run.stdout
    .trim()
    .split('\n')
    .map((line): { index: number; decision: string; class: string; reasons: string[]; risk: number } =>
      JSON.parse(line),
    );
};
const decisions = async (...options: string[]) => (await replay(...options)).map(({ decision }) => decision).join(' ');

test('replay decides line by line, remembers in the session, and knows changed tools', async () => {
  expect(await decisions()).toBe('allow ask ask ask ask ask deny deny deny ask ask');
  expect(await decisions('--answer', 'allow', '--remember', 'tool')).toBe(
    'allow ask allow ask ask ask deny deny deny ask ask',
  );
  expect(await decisions('--answer', 'allow', '--remember', 'arguments')).toBe(
    'allow ask ask ask ask ask deny deny deny ask ask',
  );
  expect(await decisions('--answer', 'deny', '--remember', 'tool')).toBe(
    'allow ask deny ask ask ask deny deny deny ask ask',
  );
  const came = await replay();
  expect(came[0]).toEqual({ index: 0, decision: 'allow', class: 'read', reasons: expect.any(Array), risk: 10 });
  expect(came.map((one) => one.index)).toEqual([...came.keys()]);
  expect(came[3]?.class).toBe('dangerous');
  expect(came[5]?.reasons).toContain('“to” first appeared in a result of read_file of files, 5 s ago.');
  expect(came[6]?.reasons.join()).toContain('pin');
  expect(came[10]?.class).toBe('effect');
});

test('replay says what all of it came to as one object; planted values are lines of a recording', async () => {
  const file = join(folder, 'planted.jsonl');
  const planted = [
    { type: 'canary', value: 'acct-k3v9wq-zzpt77hm', note: 'in the payroll sheet', extra: [1] },
    call('files', 'read_file', { path: '/srv/a' }),
    { type: 'session', id: 7 },
    call('files', 'read_file', { path: 'acct k3v9wq zzpt77hm' }),
    call('files', 'read_file', { path: '/srv/b' }),
  ];
  writeFileSync(file, `${planted.map((line) => JSON.stringify(line)).join('\r\n\r\n')}`);
  const run = await cliHere(['policy', 'replay', file, '--data-dir', folder]);
  const came = run.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { decision: string; reasons: string[] });
  expect(came.map(({ decision }) => decision)).toEqual(['ask', 'deny', 'deny']);
  expect(came[1]?.reasons[0]).toContain('in the payroll sheet');
  const summed = await cliHere(['policy', 'replay', file, '--summary', '--data-dir', folder]);
  expect(summed.json()).toEqual({ calls: 3, allow: 0, ask: 1, deny: 2, sessions: 2, asks: [1, 0] });
  writeFileSync(file, '{"type":"canary","value":"short"}\n');
  const failed = await cliHere(['policy', 'replay', file, '--data-dir', folder]);
  expect([failed.status, failed.stderr]).toEqual([1, expect.stringContaining(`${file}:1: "value" must have`)]);
});

test('replay takes the rules and classes of the data folder, and a bad line by its number', async () => {
  writeFileSync(
    join(folder, 'rules.yaml'),
    'version: 1\nrules:\n  - { id: w, when: { tool: write_file, paths-under: [/srv] }, then: allow }\nclasses: { files/run_command: read }\n',
  );
  expect(await decisions()).toBe('allow allow allow allow allow ask deny deny deny allow ask');
  rmSync(join(folder, 'rules.yaml'));
  const loose = join(folder, 'loose.jsonl');
  const odd = [
    '\uFEFF{"type":"session","name":"first","at":null}',
    '',
    '{"type":"tools","server":"files","tools":[{"name":"read_file","icons":[]},{"title":"no name"}],"version":3}',
    '{"type":"call","server":"files","tool":"read_file","arguments":null,"result":null,"agent":{"id":"a"},"note":"x"}',
    '{"type":"call","server":"files","tool":"read_file","result":"plain text","label":"benign"}',
  ];
  writeFileSync(loose, odd.join('\r\n'));
  const fine = await cliHere(['policy', 'replay', loose, '--data-dir', folder]);
  expect([fine.status, fine.stdout.match(/"decision":"allow"/g)?.length]).toEqual([0, 2]);
  const bad = join(folder, 'bad.jsonl');
  writeFileSync(bad, '{"type":"session"}\n{"type":"call","server":"a"}\n');
  const failed = await cliHere(['policy', 'replay', bad, '--data-dir', folder, '--json']);
  expect([failed.status, failed.error().code]).toEqual([1, 'replay_invalid']);
  expect(failed.error().message).toContain(`${bad}:2: "tool"`);
});

test('test runs the examples: 0 if they hold, 5 if not, 1 with the place where the file is none', async () => {
  const file = (expected: string) =>
    `version: 1\nrules:\n  - { id: a, when: { server: s }, then: deny }\nexamples:\n  - call: { server: s, tool: t, arguments: {} }\n    expect: ${expected}\n`;
  writeFileSync(rules, file('deny'));
  const good = await cliHere(['policy', 'test', rules, '--data-dir', folder, '--json']);
  expect([good.status, good.json()]).toEqual([0, { ok: true, rules: 1, examples: 1, failed: [] }]);
  writeFileSync(rules, file('allow'));
  const wrong = await cliHere(['policy', 'test', rules, '--data-dir', folder, '--json']);
  expect([wrong.status, wrong.json()]).toMatchObject([
    5,
    { ok: false, failed: [{ line: 5, decision: 'deny', expect: 'allow' }] },
  ]);
  writeFileSync(rules, 'version: 1\nrulez: []\n');
  const broken = await cliHere(['policy', 'test', rules, '--data-dir', folder, '--json']);
  expect([broken.status, broken.error().code]).toEqual([1, 'rules_invalid']);
  expect(broken.error().message).toContain(`${rules}:2:1`);
});
