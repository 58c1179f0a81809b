import { expect, it } from 'vitest';
import { proposeRules } from '../../../electron/core/policy/propose-rules.ts';
import { readRules } from '../../../electron/core/policy/rules-document.ts';
import { withRules } from '../../../electron/core/policy/rules-edit.ts';
import type { LogRow } from '../../../electron/shared/views.ts';

let seq = 0;
const row = (tool: string, args: unknown, more: Partial<LogRow> = {}): LogRow => {
  seq += 1;
  return {
    seq,
    at: `2026-11-22T12:00:${String(seq % 60).padStart(2, '0')}.000Z`,
    id: `call-${seq}`,
    kind: 'call',
    agent: { id: 'client:claude.ai', name: 'Claude' },
    server: 'files',
    method: 'tools/call',
    tool,
    arguments: args,
    decision: { effect: 'ask', rule: 'access:ask', reasons: [], risk: 40, class: 'effect' },
    answer: { by: 'window' },
    outcome: 'ran',
    bytesIn: 1,
    bytesOut: 1,
    hash: 'sha256:0',
    ...more,
  };
};
const home = '/home/ada';
const propose = (rows: readonly LogRow[], taken: readonly string[] = []) => proposeRules(rows, new Set(taken), home);
const writes = (paths: readonly string[], more: Partial<LogRow> = {}) =>
  paths.map((path) => row('write_file', { path, content: `text ${path}` }, more));
const six = ['a', 'b', 'c', 'd/e', 'f', 'g'].map((name) => `${home}/notes/${name}.md`);

it('says what the calls had in common, as a rule that holds for them', () => {
  const [one, ...others] = propose(writes(six));
  expect(others).toEqual([]);
  expect(one?.sentence).toBe('These 6 calls of write_file by Claude all stayed under ~/notes.');
  const rules = readRules(`version: 1\nrules:\n${one?.text.replaceAll(/^/gm, '  ').trimEnd()}\n`, 'r').rules;
  expect(rules[0]).toMatchObject({
    effect: 'allow',
    when: { agent: 'client:claude.ai', server: 'files', tool: 'write_file', 'paths-under': ['~/notes'] },
  });
});

it('knows mail domains, hosts and fixed values', () => {
  const mails = ['a', 'b', 'c', 'd', 'e'].map((name) =>
    row('send_email', { to: [`${name}@acme.example`], subject: name, body: name }),
  );
  const comments = [1, 2, 3, 4, 5].map((number) =>
    row('add_comment', { owner: 'ada', repo: 'site', number, body: `b${number}` }),
  );
  const fetches = [1, 2, 3, 4, 5].map((page) => row('post_form', { url: `https://api.example/p/${page}` }));
  const said = propose([...mails, ...comments, ...fetches]).map((one) => one.sentence);
  expect(said).toEqual([
    'These 5 calls of send_email by Claude all went to acme.example.',
    'These 5 calls of add_comment by Claude all had owner “ada” and repo “site”.',
    'These 5 calls of post_form by Claude all named api.example.',
  ]);
});

it('proposes nothing that is too wide, too rare, dangerous, denied once, taken, or not known', () => {
  const nothing: Record<string, readonly LogRow[]> = {
    rare: writes(six.slice(0, 4)),
    'whole home': writes([...six, `${home}/other/x`]),
    'whole disk': writes([...six, '/srv/x']),
    relative: writes([...six, 'x.md']),
    dots: writes([...six, `${home}/notes/../x`]),
    'nothing in common': six.map((_, at) => row('make_thing', { text: `t${at}` })),
    denied: [...writes(six), ...writes(['/home/ada/notes/x'], { outcome: 'denied' })],
    dangerous: six.map((command) =>
      row(
        'run',
        { command, cwd: `${home}/notes/x` },
        { decision: { effect: 'ask', rule: 'access:ask', reasons: [], risk: 80, class: 'dangerous' } },
      ),
    ),
    allowed: writes(six, { decision: { effect: 'allow', rule: 'class:read', reasons: [], risk: 10, class: 'read' } }),
    'a marker': six.map(() => row('send_email', { to: ['⟨secret:1⟩'], subject: 'x' })),
    'many domains': ['a', 'b', 'c', 'd', 'e'].map((name) =>
      row('send_email', { to: [`x@${name}.example`], subject: name }),
    ),
    'a strange address': ['a', 'b', 'c', 'd', 'e'].map((name) =>
      row('send_email', { to: [`"x" <${name}@acme.example>`], subject: name }),
    ),
  };
  for (const [why, rows] of Object.entries(nothing)) expect(propose(rows), why).toEqual([]);
  expect(propose(writes(six), ['files-write_file-client-claude.ai'])).toEqual([]);
});

it('is added to the file, whose comments stay', () => {
  const [one] = propose(writes(six));
  if (!one) throw new Error('nothing was proposed');
  const text = '# mine\nversion: 1\nrules:\n  # the first\n  - { id: a, when: { tool: x }, then: deny }\nbudgets: []\n';
  const edited = withRules(text, [one.rule]);
  expect(edited).toContain('# mine\n');
  expect(edited).toContain('# the first\n');
  expect(readRules(edited, 'r').rules.map(({ id }) => id)).toEqual(['a', 'files-write_file-client-claude.ai']);
  expect(readRules(withRules('', [one.rule]), 'r').rules).toHaveLength(1);
  expect(readRules(withRules('version: 1\n', [one.rule]), 'r').rules).toHaveLength(1);
  expect(() => withRules('rules: {', [one.rule])).toThrow('No rule can be added');
});
