import { describe, expect, test } from 'vitest';
import { foldWhitespace } from '../../renderer/components/fold-whitespace.ts';
import { lineChanges } from '../../renderer/components/line-changes.ts';
import { argumentChanges } from '../../renderer/features/approvals/argument-changes.ts';
import { copyAsCurl, copyAsReplay } from '../../renderer/features/requests/copy-as.ts';
import { indented } from '../../renderer/features/requests/indented.ts';
import { parseFilter } from '../../renderer/features/requests/log-filter.ts';
import { parseRoute } from '../../renderer/navigation.ts';
import { logRow, morningLog } from './fixtures.ts';

describe('filter words', () => {
  const count = (filter: string): number => morningLog().filter(parseFilter(filter)).length;

  test.each([
    ['', 13],
    ['denied', 2],
    ['agent:laptop', 2],
    ['server:tickets tool:*_ticket', 1],
    ['tool:write_* -denied', 3],
    ['tool:', 13],
    ['PLAN.MD asked', 3],
    ['tunnel back', 1],
    ['agent:claude agent:laptop', 2],
    ['tool:*', 13],
    ['constructor', 0],
  ])('%j fits %i rows', (filter, rows) => {
    expect(count(filter)).toBe(rows);
  });

  test('many stars take no time', () => {
    const row = logRow(1, { tool: 'a'.repeat(5_000) });
    const started = performance.now();
    expect(parseFilter(`tool:${'a*'.repeat(200)}b`)(row)).toBe(false);
    expect(performance.now() - started).toBeLessThan(200);
  });
});

describe('copies for a shell', () => {
  const row = {
    method: 'tools/call',
    tool: 'read',
    argumentsText: '{"a":"it\'s"}',
    server: 'files',
    at: '2026-11-22T12:00:00Z',
  };

  test('single quotes hold everything', () => {
    expect(copyAsCurl(row, 'https://localhost:1/files/mcp')).toContain(`"arguments":{"a":"it'\\''s"}`);
  });

  test.each([
    ['a control character in the arguments', { ...row, argumentsText: '{"a":"\u001b[2J"}' }],
    ['a line break in the tool’s name', { ...row, tool: 'a\nb' }],
    ['an escape in the method', { ...row, method: 'tools/call\u009b' }],
  ])('%s is refused', (_name, bad) => {
    expect(copyAsCurl(bad, 'https://localhost:1/files/mcp')).toBeUndefined();
  });

  test('a quote in the address stays inside its quotes', () => {
    expect(copyAsCurl(row, "https://h/'; id; '")).toContain(`'https://h/'\\''; id; '\\'''`);
  });

  test('what cannot be seen is escaped, pairs included', () => {
    const curl = copyAsCurl({ ...row, argumentsText: '{"a":"\u202e\u{e0041}é"}' }, 'https://localhost:1/files/mcp');
    expect(curl).toContain('{"a":"\\u202e\\udb40\\udc41é"}');
  });

  test('a replay line is one line of JSON with the arguments untouched', () => {
    const line = copyAsReplay({ ...row, argumentsText: '{\n "n": 9007199254740993\n}' }) ?? '';
    expect(line).not.toContain('\n');
    expect(line).toContain('9007199254740993');
    expect(JSON.parse(line)).toMatchObject({ type: 'call', server: 'files', tool: 'read' });
  });
});

test('white space is folded with its length', () => {
  expect(foldWhitespace(`a${' '.repeat(40)}b`)).toBe('a ⟨40 spaces⟩ b');
  expect(foldWhitespace(`a${'\n'.repeat(9)}b`, { multiline: true })).toBe('a\n⟨9 line breaks⟩\nb');
  expect(foldWhitespace('a  b\n\nc', { multiline: true })).toBe('a  b\n\nc');
});

test('indenting changes nothing but white space', () => {
  const json = '{"a":[1.10,{"b":"x, {y}: \\"q\\""},[],{ }],"n":9007199254740993}';
  expect(indented(json).replace(/\s+/g, '')).toBe(json.replace(/\s+/g, ''));
  expect(indented('not json {')).toBe('not json {');
  expect(indented('{"cut":"of')).toContain('"cut": "of');
});

test('any fragment is some page', () => {
  expect(parseRoute('#/servers/a%2Fb')).toEqual({ page: 'servers', item: 'a/b' });
  expect(parseRoute('#/prompt/x')).toEqual({ page: 'prompt', item: 'x' });
  for (const hash of ['', '#', '#/prompt', '#/__proto__', '#/servers/%zz', '#javascript:alert(1)']) {
    expect(parseRoute(hash)).toEqual({ page: 'servers', item: undefined });
  }
});

describe('what differs from the last call', () => {
  const of = (now: string, last?: string) => argumentChanges(now, last)?.map(({ name, kind }) => `${name} ${kind}`);

  test('each argument is the same, new, changed or left out', () => {
    expect(of('{"path":"a","to":"eve","n":1.0}', '{"n":1,"path":"a","mode":"x"}')).toEqual([
      'path same',
      'to new',
      'n changed',
      'mode gone',
    ]);
    expect(of('{"path":"a"}')).toEqual(['path alone']);
    expect(of('{"path":"a"}', 'not JSON')).toEqual(['path alone']);
    expect(of('[1]', '{}')).toBeUndefined();
  });

  test('lines are kept, removed, added, and far ones counted', () => {
    const before = ['one', 'two', 'three', 'four', 'five', 'six'].join('\n');
    const now = ['one', 'two', 'three', 'FOUR', 'five', 'six', 'seven'].join('\n');
    expect(lineChanges(before, now)).toEqual([
      { kind: 'folded', count: 2 },
      { kind: 'same', text: 'three' },
      { kind: 'removed', text: 'four' },
      { kind: 'added', text: 'FOUR' },
      { kind: 'same', text: 'five' },
      { kind: 'same', text: 'six' },
      { kind: 'added', text: 'seven' },
    ]);
    expect(lineChanges('a\nb', 'a\nb')).toEqual([{ kind: 'folded', count: 2 }]);
    expect(lineChanges('a', 'a')).toEqual([{ kind: 'same', text: 'a' }]);
  });

  test('no line of the new text is lost, whatever the texts are', () => {
    const long = (word: string) => Array.from({ length: 900 }, (_, line) => `${word} ${line % 7}`).join('\n');
    for (const [before, now] of [
      ['', 'x'],
      ['x', ''],
      ['a\nb\na', 'b\na\nb'],
      [long('a'), long('b')],
    ] as const) {
      const changes = lineChanges(before, now);
      const lines = changes.flatMap((each) =>
        each.kind === 'folded'
          ? Array.from({ length: each.count }, () => '?')
          : each.kind === 'removed'
            ? []
            : [each.text],
      );
      expect(lines.length).toBe(now.split('\n').length);
      expect(lines.every((line, index) => line === '?' || line === now.split('\n')[index])).toBe(true);
    }
  });
});
