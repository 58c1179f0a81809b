import { createContext, Script } from 'node:vm';
import type { SqlDialect } from './sql-text.ts';

/** A parsed statement: plain objects, lists and values, as the parser makes them. */
export type SqlTree = unknown;

/** How long one statement may take at a try, milliseconds; where the machine was busy elsewhere, a second try is quick. */
const limitMs = 25;
const tries = 2;

interface Parser {
  astify(sql: string, options: { database: string }): unknown;
}

const warmUp = [
  "with d as (select * from t) select a, count(*), 'x' from d join e on d.i = e.i where b in (1, 2) group by a order by 1 limit 1",
  'select "a", case when b is null then 1 else 2 end from t where not exists (select 1 from u) and c between 1 and 2 union select 3 from v',
];

const loaded = new Map<SqlDialect, (sql: string) => SqlTree>();
const loading = new Map<SqlDialect, Promise<void>>();

const load: Readonly<Record<SqlDialect, () => Promise<{ readonly Parser: new () => Parser }>>> = {
  postgresql: () => import('node-sql-parser/build/postgresql.js').then(members),
  mysql: () => import('node-sql-parser/build/mysql.js').then(members),
  sqlite: () => import('node-sql-parser/build/sqlite.js').then(members),
};

/** Loads the parsers that rules name, each once. Until then what they would judge is unknown, which asks. */
export async function loadSqlParsers(dialects: Iterable<SqlDialect>): Promise<void> {
  await Promise.all(
    [...dialects].map((dialect) => {
      const known = loading.get(dialect) ?? load[dialect]().then(({ Parser }) => keep(dialect, new Parser()));
      loading.set(dialect, known);
      return known;
    }),
  );
}

/**
 * A statement as a tree; undefined where it cannot be parsed, not in time, or no parser is loaded. The parser is a recursive one,
 * so it runs under a watchdog of the engine that ends it wherever it is: a statement made to stall it costs at most 50 ms.
 */
export function parseSql(sql: string, dialect: SqlDialect): SqlTree {
  for (let round = 0; round < tries; round += 1) {
    try {
      return loaded.get(dialect)?.(sql);
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT'))
        return undefined;
    }
  }
  return undefined;
}

function keep(dialect: SqlDialect, parser: Parser): void {
  let statement = '';
  // Only our own line is run as a script; the statement is data of the function that it calls.
  const context = createContext({ parse: () => parser.astify(statement, { database: dialect }) });
  const script = new Script('parse()');
  // Its grammar is compiled when it is first walked, which takes longer than a statement may: so that is done here.
  for (const one of warmUp) parser.astify(one, { database: dialect });
  loaded.set(dialect, (sql) => {
    statement = sql;
    return script.runInContext(context, { timeout: limitMs });
  });
}

/** The members of a CommonJS module, however it was bundled. */
function members(module: unknown): { readonly Parser: new () => Parser } {
  const found = module as { Parser?: new () => Parser; default?: { Parser?: new () => Parser } };
  const Parser = found.Parser ?? found.default?.Parser;
  if (!Parser) throw new Error('the SQL parser has another shape than expected');
  return { Parser };
}
