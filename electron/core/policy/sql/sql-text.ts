/** Dialects of which a parser is at hand. */
export const sqlDialects = ['postgresql', 'mysql', 'sqlite'] as const;
/** See {@link sqlDialects}. */
export type SqlDialect = (typeof sqlDialects)[number];

const longest = 20_000;
const deepest = 24;
/** Words that no query which only selects needs outside quotes; where one stands, a person looks at it. */
const suspicious: ReadonlySet<string> = new Set(
  `insert update delete merge replace drop alter create truncate grant revoke copy call do execute exec into outfile dumpfile attach
   detach pragma vacuum reindex analyze returning lock unlock handler load import export set reset begin commit rollback savepoint
   declare prepare deallocate listen notify cluster refresh comment security reassign discard kill shutdown rename optimize repair
   install uninstall purge flush use explain`.split(/\s+/),
);

/**
 * Whether a text can be given to a parser at all: one statement in characters that every program reads alike. Programs differ in
 * comments, backslashes, dollar quotes and prefixed strings, and what our parser takes for a string the database may take for a
 * second statement; so none of these is let through. Linear in the length.
 */
export function plainStatement(text: string, dialect: SqlDialect): string | undefined {
  const sql = text.trim().replace(/;\s*$/, '');
  if (sql === '' || sql.length > longest || /[\\\u0000]/.test(sql)) return undefined;
  let depth = 0;
  let bare = '';
  for (let at = 0; at < sql.length; at += 1) {
    const sign = sql.charAt(at);
    if (sign === "'" || sign === '"' || sign === '`') {
      if (sign === '`' && dialect === 'postgresql') return undefined;
      // E'…', U&'…', X'…', N'…': each reads its text in its own way.
      if (/[A-Za-z0-9_&]/.test(sql.charAt(at - 1)) && sign !== '`') return undefined;
      const end = endOfQuoted(sql, at, sign);
      if (end === undefined) return undefined;
      bare += ' q ';
      at = end;
      continue;
    }
    if (sign === '(') depth += 1;
    if (sign === ')') depth -= 1;
    if (depth > deepest || depth < 0) return undefined;
    if (!/[\t\n\r -~]/.test(sign) || sign === ';' || sign === '#' || sign === '@') return undefined;
    if (sign === '[' && dialect !== 'postgresql') return undefined;
    if (sign === '$' && !/\d/.test(sql.charAt(at + 1))) return undefined;
    const two = sql.slice(at, at + 2);
    if (two === '--' || two === '/*' || two === '*/') return undefined;
    bare += sign;
  }
  const words = bare.toLowerCase().match(/[a-z_][a-z0-9_]*/g) ?? [];
  if (depth !== 0 || words.some((word) => suspicious.has(word))) return undefined;
  return words[0] === 'select' || words[0] === 'with' ? sql : undefined;
}

/** Where a quoted piece ends; a quote within it is doubled, which all dialects know. */
function endOfQuoted(sql: string, from: number, quote: string): number | undefined {
  for (let at = sql.indexOf(quote, from + 1); at >= 0; at = sql.indexOf(quote, at + 1)) {
    if (sql.charAt(at + 1) !== quote) return at;
    at += 1;
  }
  return undefined;
}
