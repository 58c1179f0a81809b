import type { Verdict } from '../argument-schema.ts';
import { parseSql } from './sql-parsers.ts';
import { plainStatement, type SqlDialect } from './sql-text.ts';

/** What a rule says of statements that may run: only listed functions, since any other may do anything. */
export interface SelectOnly {
  readonly dialect: SqlDialect;
  /** Functions that may be called besides {@link harmlessFunctions}. */
  readonly functions?: readonly string[] | undefined;
}

/** Functions that work something out and do nothing else, in all dialects; `docs/policy.md` prints them. */
export const harmlessFunctions: ReadonlySet<string> = new Set(
  `abs avg ceil ceiling coalesce concat concat_ws count current_date current_time current_timestamp date date_part date_trunc datetime
   dense_rank extract first_value floor greatest group_concat ifnull iif instr lag last_value lead least left length lower lpad ltrim max
   min mod now nth_value ntile nullif percent_rank power rank replace right round row_number rpad rtrim sign sqrt strftime string_agg
   substr substring sum to_char trim trunc upper year month day`.split(/\s+/),
);

/** Kinds of nodes that a selection is made of; a kind that is not here is not judged. */
const knownKinds: ReadonlySet<string> = new Set(
  `select expr column_ref binary_expr unary_expr aggr_func function window_func cast number string single_quote_string
   double_quote_string backticks_quote_string bool boolean null star expr_list case when else interval param default origin extract
   bigint date time timestamp asc desc order_by partition_by distinct using table with windows rows range`.split(/\s+/),
);

/** What became of a statement. */
export interface JudgedSelect {
  readonly verdict: Verdict;
  /** Rows that it can give at most, where it says so itself. */
  readonly rows?: number;
}

/** Judges a text: `true` only for one statement that is understood whole and only selects; `unknown` where nobody can tell. */
export function judgeSelect(text: string, { dialect, functions = [] }: SelectOnly): JudgedSelect {
  const sql = plainStatement(text, dialect);
  if (sql === undefined) return { verdict: 'unknown' };
  const parsed = parseSql(sql, dialect);
  const tree: unknown = Array.isArray(parsed) && parsed.length === 1 ? parsed[0] : parsed;
  if (!isObject(tree) || tree.type !== 'select') return { verdict: 'unknown' };
  const allowed = new Set(functions.map((one) => one.toLowerCase()));
  const fine = (node: unknown, depth: number): boolean => {
    if (depth > 200) return false;
    if (Array.isArray(node)) return node.every((one) => fine(one, depth + 1));
    if (!isObject(node)) return true;
    const kind = typeof node.type === 'string' ? node.type.toLowerCase() : undefined;
    if (kind !== undefined && !knownKinds.has(kind) && !isParameter(node)) return false;
    if (kind === 'function' || kind === 'aggr_func' || kind === 'window_func') {
      const name = functionName(node.name);
      if (name === undefined || !(harmlessFunctions.has(name) || allowed.has(name))) return false;
    }
    return Object.values(node).every((one) => fine(one, depth + 1));
  };
  if (!fine(tree, 0)) return { verdict: 'unknown' };
  const rows = tree._next === undefined && tree.set_op === undefined ? limitOf(tree.limit) : undefined;
  return { verdict: true, ...(rows === undefined ? {} : { rows }) };
}

/** `$1`: a value that comes apart from the statement. */
function isParameter(node: Readonly<Record<string, unknown>>): boolean {
  return node.type === 'var' && node.prefix === '$' && typeof node.name === 'number';
}

/** A plain name in lower case; a name with a schema, or of any other shape, is none that is listed. */
function functionName(node: unknown): string | undefined {
  if (typeof node === 'string') return node.toLowerCase();
  if (!isObject(node) || (node.schema !== undefined && node.schema !== null) || !Array.isArray(node.name))
    return undefined;
  const [only, ...more]: readonly unknown[] = node.name;
  return more.length === 0 && isObject(only) && typeof only.value === 'string' ? only.value.toLowerCase() : undefined;
}

function limitOf(limit: unknown): number | undefined {
  if (!isObject(limit) || !Array.isArray(limit.value)) return undefined;
  // `LIMIT 5`, `LIMIT 5 OFFSET 10`, and MySQL's `LIMIT 10, 5`.
  const counts: readonly unknown[] = limit.value.map((one: unknown) =>
    isObject(one) && one.type === 'number' ? one.value : undefined,
  );
  const count = limit.seperator === ',' ? counts[1] : counts[0];
  return limit.seperator === 'offset' && counts.length < 2
    ? undefined
    : typeof count === 'number' && count >= 0
      ? count
      : undefined;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
