import { mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { compileArgumentSchema, SchemaProblem } from '../../../electron/core/policy/argument-schema.ts';
import { readRules } from '../../../electron/core/policy/rules-document.ts';
import { rulesInPlaceOf } from '../../../electron/core/policy/rules-file.ts';
import type { Call } from '../../../electron/shared/call.ts';
import { parseJson } from '../../../electron/shared/json-tree.ts';
import { stage, tool } from './stage.ts';

let on: Awaited<ReturnType<typeof stage>>;
beforeEach(async () => {
  on = await stage();
  on.policy.approveAll('files', [
    tool('read_file'),
    tool('write_file'),
    tool('post_message', { inputSchema: { properties: { url: { type: 'string' } } } }),
    tool('run_command', { inputSchema: { properties: { command: { type: 'string' } } } }),
  ]);
});
afterEach(() => on.clean());

const use = (...rules: string[]) =>
  on.policy.setRules(readRules(`version: 1\nrules:\n${rules.map((one) => `  - ${one}`).join('\n')}\n`, 'r.yaml'));
const decide = (name: string, args: unknown = {}, more: Partial<Call> = {}) =>
  on.policy.decide(on.call(name, args, more));

describe('the order', () => {
  it('deny outranks ask, ask outranks allow, and the most specific rule is the one shown', () => {
    use('{ id: all, when: {}, then: allow }', '{ id: tool, when: { tool: write_file }, then: allow, reason: mine }');
    expect(decide('write_file')).toMatchObject({
      effect: 'allow',
      rule: 'rule:tool',
      reasons: ['mine', expect.any(String)],
    });
    use('{ id: a, when: { tool: write_file }, then: allow }', '{ id: b, when: {}, then: ask }');
    expect(decide('write_file')).toMatchObject({ effect: 'ask', rule: 'rule:b' });
    use(
      '{ id: a, when: { tool: write_file }, then: allow }',
      '{ id: b, when: {}, then: ask }',
      '{ id: c, when: { class: effect }, then: deny }',
    );
    expect(decide('write_file')).toMatchObject({ effect: 'deny', rule: 'rule:c' });
    expect(decide('read_file')).toMatchObject({ effect: 'ask', rule: 'rule:b' });
  });

  it('no rule lifts what is built in, an off tool or a changed pin', () => {
    use('{ id: all, when: {}, then: allow }');
    expect(decide('read_file', { path: join(on.dataFolder, 'x') })).toMatchObject({ effect: 'deny' });
    expect(decide('read_file', { path: '~/.ssh/id_rsa' })).toMatchObject({
      effect: 'ask',
      rule: 'built-in:credentials',
    });
    expect(decide('run_command', { command: 'ls' })).toMatchObject({ effect: 'deny', rule: 'exposure:off' });
    on.policy.observe('files', [tool('read_file', { description: 'other' })]);
    expect(decide('read_file')).toMatchObject({ effect: 'deny', rule: 'pin:changed' });
  });

  it('a rule ends with its time', () => {
    use('{ id: t, when: { tool: write_file }, then: allow, until: "2026-11-22T12:00:01Z" }');
    expect(decide('write_file').effect).toBe('allow');
    expect(decide('write_file', {}, { at: '2026-11-22T12:00:01.000Z' }).effect).toBe('ask');
  });

  it('a class that the person gives is the class', () => {
    on.policy.setRules(readRules('version: 1\nclasses: { files/write_file: read, files/read_file: effect }\n', 'r'));
    expect(decide('write_file')).toMatchObject({ effect: 'allow', class: 'read' });
    expect(decide('read_file')).toMatchObject({ effect: 'ask', class: 'effect' });
  });

  it('a client that names itself gets no allowance by its name', () => {
    use('{ id: n, when: { agent: friend }, then: allow }');
    expect(decide('write_file', {}, { agent: { id: 'client:x.example', name: 'friend' } }).effect).toBe('ask');
    expect(decide('write_file', {}, { agent: { id: 'token:1', name: 'friend' } }).effect).toBe('allow');
  });

  it('asks for everything where the file cannot be used', () => {
    on.policy.setRules(rulesInPlaceOf(new Error('broken')));
    expect(decide('read_file')).toMatchObject({ effect: 'ask', rule: 'rule:unusable' });
  });
});

describe('paths and hosts', () => {
  it('paths-under follows links and .. before it allows', async () => {
    await mkdir(join(on.home, 'work'));
    await symlink('/etc', join(on.home, 'work', 'link'));
    use(`{ id: p, when: { tool: write_file, paths-under: [${on.home}/work] }, then: allow }`);
    expect(decide('write_file', { path: `${on.home}/work/a.md` }).effect).toBe('allow');
    expect(decide('write_file', { path: '~/work/new/b.md' }).effect).toBe('allow');
    for (const path of [
      `${on.home}/work/link/passwd`,
      `${on.home}/work/../other`,
      `${on.home}/workshop/a`,
      'a.md',
      '/tmp/x',
    ]) {
      expect(decide('write_file', { path }).effect, path).toBe('ask');
    }
    expect(decide('write_file', { path: `${on.home}/work/a`, destination: '/tmp/x' }).effect).toBe('ask');
    expect(decide('write_file', { text: 'no path at all' }).effect).toBe('ask');
  });

  it('hosts: every address must be listed for an allowance, one is enough for a denial', () => {
    use(
      '{ id: h, when: { tool: post_message, hosts: [api.example.org, "*.corp.example"] }, then: allow }',
      '{ id: d, when: { hosts: [evil.example] }, then: deny }',
    );
    const of = (url: string) => decide('post_message', { url }).effect;
    expect([of('https://api.example.org/x'), of('https://a.corp.example'), of('API.example.org/y')]).toEqual([
      'allow',
      'allow',
      'allow',
    ]);
    for (const url of [
      'https://api.example.org.other.example/',
      'https://api.example.org@other.example/',
      'https://corp.example/',
      'https:other.example',
      'https://api.example.org/ and https://other.example/',
    ]) {
      expect(of(url), url).toBe('ask');
    }
    expect(decide('post_message', { url: 'https://api.example.org', text: 'see http://evil.example/x' }).effect).toBe(
      'deny',
    );
  });
});

describe('the file', () => {
  it.each([
    [
      'version: 1\nrules:\n  - id: a\n    when: { tool: x, frob: 1 }\n    then: allow\n',
      'r.yaml:4:22: unknown member "frob"',
    ],
    ['version: 1\nrulez: []\n', 'r.yaml:2:1: unknown member "rulez"'],
    ['version: 2\n', 'r.yaml:1:10: version'],
    ['version: 1\nrules:\n  - id: a\n    when: {}\n    then: perhaps\n', 'r.yaml:5:11: rules.0.then'],
    [
      'version: 1\nrules:\n  - { id: a, when: {}, then: ask }\n  - { id: a, when: {}, then: ask }\n',
      'r.yaml:4:11: two rules',
    ],
    ['version: 1\nrules: [\n', 'r.yaml:'],
    ['version: 1\nversion: 1\n', 'r.yaml:2:1: '],
    [
      'version: 1\nrules:\n  - id: a\n    when: { arguments: { properties: { p: { patern: x } } } }\n    then: ask\n',
      'r.yaml:4:45: "patern"',
    ],
    [
      'version: 1\nrules:\n  - id: a\n    when: { arguments: { pattern: "(a)\\\\1" } }\n    then: ask\n',
      'r.yaml:4:26: the pattern',
    ],
    ['version: 1\nbudgets: [{ per: 1m, then: ask }]\n', 'r.yaml:2:11: budgets.0: a budget limits one'],
    ['version: 1\nclasses: { nowhere: read }\n', 'r.yaml:2:'],
  ])('names line and column: %j', (text, message) => {
    expect(() => readRules(text, 'r.yaml')).toThrow(
      expect.objectContaining({ code: 'rules_invalid', message: expect.stringContaining(message) }),
    );
  });
});

describe('schemas of arguments', () => {
  const check = (schema: unknown, value: string) => compileArgumentSchema(schema)(parseJson(value));

  it.each<[unknown, string, boolean | 'unknown']>([
    [{ type: 'integer', maximum: 10 }, '10', true],
    [{ maximum: 10 }, '11', false],
    [{ maximum: 1e18 }, '9007199254740993', 'unknown'],
    [{ not: { minimum: 5 } }, '9007199254740993', 'unknown'],
    [{ const: 1 }, '1.0', true],
    [{ required: ['a'] }, '{}', false],
    [{ properties: { a: { enum: ['x'] } }, additionalProperties: false }, '{"a":"x"}', true],
    [{ properties: { a: true }, additionalProperties: false }, '{"a":1,"b":2}', false],
    [{ additionalProperties: { type: 'string' } }, '{"b":2}', false],
    [{ patternProperties: { '^x-': { type: 'number' } } }, '{"x-a":"1"}', false],
    [{ items: { maxLength: 2 } }, '["ab","abc"]', false],
    [{ contains: { const: 'a' }, maxContains: 1 }, '["a","a"]', false],
    [{ oneOf: [{ type: 'string' }, { minLength: 1 }] }, '"a"', false],
    [{ anyOf: [{ type: 'null' }, { format: 'email' }] }, '"a@b.example"', true],
    [JSON.parse('{"if":{"required":["a"]},"then":{"required":["b"]}}'), '{"a":1}', false],
    [{ $defs: { s: { type: 'string' } }, properties: { a: { $ref: '#/$defs/s' } } }, '{"a":1}', false],
    [{ $ref: '#' }, '1', 'unknown'],
    [{ pattern: '^(a+)+$' }, `"${'a'.repeat(5_000)}b"`, false],
    [{ uniqueItems: true }, '[1,1.0]', false],
  ])('%j of %s', (schema, value, verdict) => {
    expect(check(schema, value)).toBe(verdict);
  });

  it('takes no keyword that it does not check', () => {
    for (const schema of [
      { unevaluatedProperties: false },
      { format: 'what' },
      { $ref: 'https://x.example' },
      { type: 'text' },
      5,
    ]) {
      expect(() => compileArgumentSchema(schema)).toThrow(SchemaProblem);
    }
  });

  it('takes exponential patterns and deep values without stalling', () => {
    const schema = compileArgumentSchema({ pattern: '^(([a-z])+.)+[A-Z]([a-z])+$', items: { $ref: '#' } });
    const began = performance.now();
    schema('a'.repeat(60_000));
    schema(parseJson(`${'['.repeat(60)}${']'.repeat(60)}`));
    expect(performance.now() - began).toBeLessThan(500);
  });
});
