import { expect, test } from 'vitest';
import { bindValues, duration, moment, oneOf, wholeNumber } from '../../../electron/cli/arguments.ts';
import { safeJson, table } from '../../../electron/cli/output.ts';
import { looksLikeSecret, parseEnvironmentFile } from '../../../electron/cli/secret-input.ts';

test('a value that looks like an option stays a value', () => {
  expect(bindValues(['servers', 'add', 'x', '--command', 'npx', '--arg', '--json', '--arg', '-y', '--json'])).toEqual([
    'servers',
    'add',
    'x',
    '--command=npx',
    '--arg=--json',
    '--arg=-y',
    '--json',
  ]);
  expect(bindValues(['--arg'])).toEqual(['--arg']);
  expect(bindValues(['a', '--', '--arg', 'x'])).toEqual(['a', '--', '--arg', 'x']);
});

test('numbers, durations, moments, words', () => {
  expect(wholeNumber(0, 10)('7')).toBe(7);
  for (const bad of ['11', '-1', '1.5', '', 'x', '1e1']) expect(() => wholeNumber(0, 10)(bad)).toThrow();
  expect(duration('15m')).toBe(900_000);
  expect(() => duration('15')).toThrow(/90s/);
  expect(moment('2026-11-22T14:00:00+02:00')).toBe('2026-11-22T12:00:00.000Z');
  expect(Math.abs(Date.parse(moment('1h')) - (Date.now() - 3_600_000))).toBeLessThan(5_000);
  for (const bad of ['yesterday', '2026-11-22', '2026-13-40T00:00:00Z']) expect(() => moment(bad)).toThrow();
  expect(oneOf(['a', 'b'])('b')).toBe('b');
  expect(() => oneOf(['a', 'b'])('c')).toThrow(/a, b/);
});

test.each([
  ['API_TOKEN', 'x', true],
  ['GITHUB_PAT', 'x', true],
  ['OPENAI_KEY', 'x', true],
  ['db_password', 'x', true],
  ['HOME_DIR', '/home/me/notes', false],
  ['API_TOKEN', '', false],
  ['LEVEL', 'debug', false],
  ['KEYBOARD', 'de', false],
  ['X', 'sk-ant-abcdefgh', true],
  ['X', 'postgres://me:pw@localhost/db', true],
  ['X', 'postgres://localhost/db', false],
  ['X', 'q8Zr2LmX0vT7yKpW4nBc9dFh', true],
  ['X', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaa1', false],
  ['NODE_OPTIONS', '--max-old-space-size=4096', false],
])('%s=%s looks like a secret: %s', (name, value, expected) => {
  expect(looksLikeSecret(name, value)).toBe(expected);
});

test('environment files', () => {
  expect(parseEnvironmentFile('# c\n\nA=1\nexport B=2\r\nC="x y"\nD=\nE=a=b\n')).toEqual({
    A: '1',
    B: '2',
    C: 'x y',
    D: '',
    E: 'a=b',
  });
  expect(() => parseEnvironmentFile('A=1\nsecret stuff')).toThrow(/line 2/);
  expect(() => parseEnvironmentFile('A=1\nsecret stuff')).not.toThrow(/stuff/);
});

test('JSON keeps its value while nothing in it can act on a terminal', () => {
  const value = { a: 'x\u001b[31m\u202e\u200b\u0085\u{e0041}é😀\u007f' };
  const text = safeJson(value);
  expect(JSON.parse(text)).toEqual(value);
  expect(text).toContain('é😀');
  expect(text).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u200b\u202e\u{e0041}]/u);
});

test('tables align, and make strangers’ text visible', () => {
  expect(
    table([
      ['a', 'long', 'x'],
      ['bbb', '\u001b', 'y'],
    ]),
  ).toBe('a    long  x\nbbb  ␛     y');
});
