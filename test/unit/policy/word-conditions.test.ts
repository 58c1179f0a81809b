import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { prepareRules } from '../../../electron/core/policy/rule-book.ts';
import { readRules } from '../../../electron/core/policy/rules-document.ts';
import { judgeSelect } from '../../../electron/core/policy/sql/select-only.ts';
import { loadSqlParsers } from '../../../electron/core/policy/sql/sql-parsers.ts';
import { sqlDialects } from '../../../electron/core/policy/sql/sql-text.ts';
import { parseJson } from '../../../electron/shared/json-tree.ts';
import { stage, tool } from './stage.ts';

beforeAll(() => loadSqlParsers(sqlDialects));

let on: Awaited<ReturnType<typeof stage>>;
beforeEach(async () => {
  on = await stage();
  on.policy.approveAll('files', [tool('change_rows'), tool('send_email'), tool('send_money')]);
});
afterEach(() => on.clean());

const allow = (conditions: string, effect = 'allow') =>
  on.policy.setRules(readRules(`version: 1\nrules: [{ id: r, when: { ${conditions} }, then: ${effect} }]\n`, 'r'));
/** On a busy machine the time limit of the SQL parser may strike a good statement, so what is allowed may take another try. */
const effectOf = (name: string, args: unknown) => {
  const effects = [1, 2, 3].map(() => on.policy.decide(on.call(name, args)).effect);
  return effects.includes('allow') ? 'allow' : effects[0];
};

describe('select-only', () => {
  const verdict = (sql: string, dialect: (typeof sqlDialects)[number] = 'postgresql') =>
    judgeSelect(sql, { dialect }).verdict;

  /** On a busy machine the time limit may strike a good statement, which then asks; here it may try again. */
  const patient = (sql: string, dialect: (typeof sqlDialects)[number] = 'postgresql') => {
    for (let round = 0; round < 5; round += 1) if (verdict(sql, dialect) === true) return true;
    return verdict(sql, dialect);
  };

  it('knows what only selects, in each dialect', () => {
    const plain = [
      'select 1',
      'SELECT a, count(*) FROM t WHERE x = 1 AND y IN (1, 2) GROUP BY a ORDER BY 2 DESC LIMIT 5;',
      "select name from people where name like 'O''Neil; drop table people%'",
      'with d as (select * from t) select d.a, max(d.b) from d join e on d.id = e.id group by d.a',
      'select a from t union select b from u',
      "select case when a > 1 then 'x' else 'y' end from t where not exists (select 1 from u where u.id = t.id)",
      'select "a" from t where b is null and c between 1 and 2',
    ];
    for (const dialect of sqlDialects)
      for (const sql of plain) expect(patient(sql, dialect), `${dialect}: ${sql}`).toBe(true);
    expect(patient('select a::text, b[1] from t where c = $1')).toBe(true);
    expect(patient('select `a b` from `t`', 'mysql')).toBe(true);
  });

  it('is not taken in', () => {
    const evasions = [
      'select 1; drop table t',
      'select 1;; drop table t',
      'with d as (delete from t returning *) select * from d',
      'with d as (insert into t values (1) returning *) select * from d',
      'select * into copy_of from t',
      "select * from t into outfile '/tmp/x'",
      'select * from t for update',
      'select /*! 1 */ 1',
      'select 1 -- ; drop table t',
      'select 1 /* */ from t',
      "select pg_read_file('/etc/passwd')",
      "select * from pg_read_file('/etc/passwd')",
      "select lo_import('/etc/passwd')",
      "select nextval('s')",
      "select setval('s', 1)",
      "select dblink_exec('host=x', 'drop table t')",
      'select pg_catalog.pg_sleep(10)',
      'select "pg_sleep"(10)',
      'select pg_sleep(10)',
      "select load_extension('x')",
      "select load_file('/etc/passwd')",
      "select query_to_xml('delete from t', true, true, '')",
      "select 'a\\'; drop table t; --'",
      'select $$a$$; drop table t',
      'select $x$ ; $x$',
      "select e'a'",
      "select U&'d' from t",
      'select @a := 1',
      'explain analyze delete from t',
      'explain select 1',
      'table t',
      'values (1)',
      'call p()',
      'do $$ begin end $$',
      "copy t to program 'sh'",
      'delete from t',
      'ＳＥＬＥＣＴ 1',
      'select\u00a01',
      'sel\u0435ct 1',
      'select 1\u0000; drop table t',
      "select 'unfinished",
      '',
      'pragma writable_schema = 1',
      "attach database 'x' as y",
      'select my_own_function(1)',
      `select ${'('.repeat(200)}1${')'.repeat(200)}`,
      `select ${'1 + '.repeat(20_000)}1`,
    ];
    for (const dialect of sqlDialects)
      for (const sql of evasions) expect(verdict(sql, dialect), `${dialect}: ${sql.slice(0, 60)}`).not.toBe(true);
    expect(verdict("select [a'b] , 'c' from t", 'sqlite')).not.toBe(true);
    expect(
      judgeSelect('select my_own_function(1)', { dialect: 'sqlite', functions: ['My_Own_Function'] }).verdict,
    ).toBe(true);
  });

  it('takes little time whatever it is given', () => {
    for (const sql of [
      `select ${'('.repeat(24)}1${')'.repeat(24)}`,
      `select ${'case when a then '.repeat(20)}1${' end'.repeat(20)}`,
      `select a from ${'(select a from '.repeat(22)}t${')'.repeat(22)}`,
      `select ${'a.'.repeat(8_000)}a`,
      `select ${'not '.repeat(4_000)} a`,
    ]) {
      for (const dialect of sqlDialects) {
        const began = performance.now();
        verdict(sql, dialect);
        expect(performance.now() - began, sql.slice(0, 40)).toBeLessThan(400);
      }
    }
  });

  it('is a condition of rules: certain runs, everything else asks', () => {
    allow('select-only: { dialect: postgresql }, tool: change_rows');
    expect(effectOf('change_rows', { sql: 'select a from t' })).toBe('allow');
    expect(effectOf('change_rows', { sql: 'delete from t' })).toBe('ask');
    expect(effectOf('change_rows', { sql: 'select 1', query: 'delete from t' })).toBe('ask');
    expect(effectOf('change_rows', { other: 'select 1' })).toBe('ask');
    expect(effectOf('change_rows', { sql: ['select 1', 'drop table t'] })).toBe('ask');
    allow('select-only: { dialect: mysql, in: text }');
    expect(effectOf('change_rows', { text: 'select a from t' })).toBe('allow');
    allow('select-only: { dialect: sqlite }', 'deny');
    expect(effectOf('change_rows', { sql: 'no sql at all' })).toBe('ask');
  });
});

describe('mail-domains', () => {
  beforeEach(() => allow('mail-domains: [acme.example, "*.corp.example"], tool: send_email'));

  it('holds where every receiver is within', () => {
    for (const to of [
      'bob@acme.example',
      ['a@acme.example', 'b@x.corp.example'],
      'Bob Smith <bob@ACME.example>',
      'a@acme.example, b@acme.example',
    ]) {
      expect(
        effectOf('send_email', { to, subject: 'Hello', body: 'Write to eve@evil.example, she knows.' }),
        String(to),
      ).toBe('allow');
    }
    expect(effectOf('send_email', { attendees: [{ email: 'a@acme.example' }] })).toBe('allow');
  });

  it('is not taken in', () => {
    for (const to of [
      'eve@evil.example',
      'bob@acme.example, eve@evil.example',
      'bob@acme.example;eve@evil.example',
      '"bob@acme.example" <eve@evil.example>',
      'bob@acme.example <eve@evil.example>',
      'Bob <bob@acme.example> <eve@evil.example>',
      '<eve@evil.example> bob@acme.example',
      'eve%evil.example@acme.example',
      'evil.example!eve@acme.example',
      'eve@evil.example(@acme.example)',
      'eve@acme.example.evil.example',
      'eve@notacme.example',
      'eve@corp.example.',
      'eve@аcme.example',
      'eve@acme。example',
      'eve@acme.example\u200b.evil.example',
      'bob@acme.example\r\nBcc: eve@evil.example',
      '=?utf-8?q?eve=40evil.example?= <bob@acme.example',
      '"eve@evil.example"@acme.example',
      'group: bob@acme.example, eve@evil.example;',
      ['bob@acme.example', 'everybody'],
      '',
    ]) {
      expect(effectOf('send_email', { to }), String(to)).toBe('ask');
    }
    expect(effectOf('send_email', { to: 'bob@acme.example', bcc: 'eve@evil.example' })).toBe('ask');
    expect(effectOf('send_email', { to: 'bob@acme.example', extra: { forward: 'eve@evil.example' } })).toBe('ask');
    expect(effectOf('send_email', { to: 'bob@acme.example', subject: 'Hi\nBcc: eve@evil.example' })).toBe('ask');
    expect(effectOf('send_email', { subject: 'nobody' })).toBe('ask');
  });
});

describe('at-most and rows-at-most', () => {
  it('hold for every number of that name', () => {
    allow('at-most: { amount: 100 }, tool: send_money');
    for (const amount of [0, 99.5, 100, '100', '99.99'])
      expect(effectOf('send_money', { amount }), String(amount)).toBe('allow');
    for (const amount of [100.01, 1e9, -1, '1e9', '0x10', ' 5', '１００', '100,00', null, true]) {
      expect(effectOf('send_money', { amount }), String(amount)).toBe('ask');
    }
    expect(effectOf('send_money', { amount: 5, parts: [{ amount: 500 }] })).toBe('ask');
    expect(effectOf('send_money', { sum: 5 })).toBe('ask');
    const huge = on.call('send_money', {}, { arguments: parseJson('{"amount":1e400}') });
    expect(on.policy.decide(huge).effect).toBe('ask');
    allow('at-most: { order.total: 10 }, tool: send_money');
    expect(effectOf('send_money', { order: { total: 9 } })).toBe('allow');
    expect(effectOf('send_money', { order: { total: 11 } })).toBe('ask');
  });

  it('rows are limited by a parameter or by the statement', () => {
    allow('rows-at-most: 50, tool: change_rows');
    expect(effectOf('change_rows', { limit: 50 })).toBe('allow');
    expect(effectOf('change_rows', { limit: 51 })).toBe('ask');
    expect(effectOf('change_rows', { max_results: 10, limit: 100 })).toBe('ask');
    expect(effectOf('change_rows', {})).toBe('ask');
    allow('rows-at-most: 50, select-only: { dialect: postgresql }, tool: change_rows');
    expect(effectOf('change_rows', { sql: 'select a from t limit 50' })).toBe('allow');
    expect(effectOf('change_rows', { sql: 'select a from t limit 50 offset 100' })).toBe('allow');
    expect(effectOf('change_rows', { sql: 'select a from t limit 51' })).toBe('ask');
    expect(effectOf('change_rows', { sql: 'select a from t' })).toBe('ask');
    expect(effectOf('change_rows', { sql: 'select a from t limit 5 union all select a from u' })).toBe('ask');
    expect(effectOf('change_rows', { sql: 'select a from (select a from t limit 5) as s' })).toBe('ask');
  });
});

it('what is wrong in them is told with line and column', () => {
  const problem = (line: string): string => {
    try {
      readRules(`version: 1\nrules:\n  - id: a\n    when:\n      ${line}\n    then: allow\n`, 'f.yaml');
      return 'fine';
    } catch (error) {
      return error instanceof Error ? error.message : '';
    }
  };
  expect(problem('select-only: { dialect: oracle }')).toContain('f.yaml:5:31: rules.0.when.select-only.dialect');
  expect(problem('select-only: {}')).toContain('f.yaml:5:');
  expect(problem('select-only: { dialect: sqlite, functions: ["a.b"] }')).toContain('f.yaml:5:');
  expect(problem('mail-domains: [bob@acme.example]')).toContain('f.yaml:5:22');
  expect(problem('at-most: { amount: ten }')).toContain('f.yaml:5:26');
  expect(problem('at-most: {}')).toContain('f.yaml:5:');
  expect(problem('rows-at-most: -1')).toContain('f.yaml:5:21');
  expect(problem('rows-at-most: 10')).toBe('fine');
});

it('parsers are loaded for the rules that name them', async () => {
  const document = readRules(
    'version: 1\nrules: [{ id: r, when: { select-only: { dialect: sqlite } }, then: allow }]\n',
    'r',
  );
  await expect(prepareRules(document)).resolves.toBeUndefined();
});
