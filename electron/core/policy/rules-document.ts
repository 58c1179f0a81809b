import { isMap, LineCounter, parseDocument } from 'yaml';
import * as z from 'zod';
import { toolClasses } from '../../shared/call.ts';
import { SallyportError } from '../../shared/errors.ts';
import { type ArgumentSchema, compileArgumentSchema, SchemaProblem } from './argument-schema.ts';
import { sqlDialects } from './sql/sql-text.ts';

/** The largest rules file, in characters. */
const longestFile = 1_048_576;
const mostRules = 5_000;

const mailDomain = z
  .string()
  .max(253)
  .regex(/^(?:\*\.)?[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+$/, 'a domain such as acme.example, or *.NAME for all below it');
const globText = z.string().min(1).max(256);
const host = z
  .string()
  .min(1)
  .max(253)
  .regex(/^(?:\*\.)?[A-Za-z0-9_.:[\]-]+$/, 'a host name, or *.NAME for all below it');

const amount = z.number().nonnegative().max(Number.MAX_SAFE_INTEGER);

const ruleShape = z.strictObject({
  id: z.string().regex(/^[A-Za-z0-9._-]{1,80}$/, 'an id is letters, digits, ".", "_" and "-"'),
  when: z.strictObject({
    agent: globText.optional(),
    server: globText.optional(),
    tool: globText.optional(),
    class: z.enum(toolClasses).optional(),
    arguments: z.union([z.record(z.string(), z.unknown()), z.boolean()]).optional(),
    'paths-under': z.array(z.string().min(1).max(4_096)).min(1).max(100).optional(),
    hosts: z.array(host).min(1).max(500).optional(),
    'select-only': z
      .strictObject({
        dialect: z.enum(sqlDialects),
        in: z.string().min(1).max(200).optional(),
        functions: z
          .array(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,62}$/, 'the plain name of a function'))
          .max(500)
          .optional(),
      })
      .optional(),
    'mail-domains': z.array(mailDomain).min(1).max(500).optional(),
    'at-most': z
      .record(z.string().min(1).max(200), amount)
      .refine((one) => Object.keys(one).length > 0, 'a name and the most that it may be')
      .optional(),
    'rows-at-most': z.int().nonnegative().optional(),
    labels: z
      .array(z.enum(['private', 'untrusted', 'secret']))
      .min(1)
      .optional(),
  }),
  // biome-ignore lint/suspicious/noThenProperty: the file's own word, never awaited
  then: z.enum(['allow', 'ask', 'deny']),
  reason: z.string().max(500).optional(),
  until: z.union([z.iso.datetime({ offset: true }), z.iso.date()]).optional(),
});

const limit = z.int().positive().optional();
const budgetShape = z
  .strictObject({
    agent: globText.optional(),
    server: globText.optional(),
    calls: limit,
    effects: limit,
    'bytes-out': limit,
    records: limit,
    per: z.enum(['1m', '1h', 'session']),
    // biome-ignore lint/suspicious/noThenProperty: the file's own word, never awaited
    then: z.enum(['ask', 'pause']),
  })
  .refine(
    (one) =>
      [one.calls, one.effects, one['bytes-out'], one.records].filter((given) => given !== undefined).length === 1,
    'a budget limits one of calls, effects, bytes-out, records',
  );

const exampleShape = z.strictObject({
  call: z.strictObject({
    server: z.string().min(1).max(256),
    tool: z.string().min(1).max(256),
    arguments: z.record(z.string(), z.unknown()).optional(),
    agent: z.string().max(256).optional(),
  }),
  expect: z.enum(['allow', 'ask', 'deny']),
});

const rulesShape = z.strictObject({
  version: z.literal(1),
  rules: z.array(ruleShape).max(mostRules).optional(),
  classes: z.record(z.string().regex(/^[^/]+\/.+$/, 'written SERVER/TOOL'), z.enum(toolClasses)).optional(),
  budgets: z.array(budgetShape).max(500).optional(),
  examples: z.array(exampleShape).max(mostRules).optional(),
});

/** One rule as the file says it, with its schema read. */
export interface Rule extends Omit<z.infer<typeof ruleShape>, 'then'> {
  /** What the file calls `then`. */
  readonly effect: 'allow' | 'ask' | 'deny';
  readonly schema: ArgumentSchema | undefined;
  /** Line in the file, from 1. */
  readonly line: number;
}
/** One budget as the file says it. */
export type Budget = z.infer<typeof budgetShape>;
/** One example, with its line from 1. */
export interface RuleExample extends z.infer<typeof exampleShape> {
  readonly line: number;
}

/** A rules file, read and checked (`design.md` §6). */
export interface RulesDocument {
  readonly rules: readonly Rule[];
  readonly classes: Readonly<Record<string, (typeof toolClasses)[number]>>;
  readonly budgets: readonly Budget[];
  readonly examples: readonly RuleExample[];
}

/** No rules at all. */
export const noRules: RulesDocument = { rules: [], classes: {}, budgets: [], examples: [] };

/**
 * Reads a rules file. Nothing in it is skipped: an unknown member, a keyword that is not checked or a pattern that cannot be
 * matched in linear time is an error.
 * @param name how the file is called in messages
 * @throws SallyportError `rules_invalid` at hop `policy`; the message begins `FILE:LINE:COLUMN`
 */
export function readRules(text: string, name: string): RulesDocument {
  const lines = new LineCounter();
  const fail = (offset: number, message: string): never => {
    const { line, col } = lines.linePos(Math.max(0, offset));
    throw new SallyportError(
      'rules_invalid',
      'policy',
      `${name}:${Math.max(1, line)}:${Math.max(1, col)}: ${message}`,
      {
        hint: 'Nothing of this file is in force. docs/policy.md describes what may stand in it.',
      },
    );
  };
  if (text.length > longestFile) fail(0, `the file is longer than ${longestFile} characters`);
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true, schema: 'core', merge: false });
  const problem = document.errors[0] ?? document.warnings[0];
  if (problem) fail(problem.pos[0], problem.message.split('\n')[0]?.replace(/ at line.*$/, '') ?? 'not YAML');
  let plain: unknown;
  try {
    plain = document.toJS({ maxAliasCount: 50 });
  } catch (error) {
    fail(0, error instanceof Error ? error.message : 'not YAML');
  }
  /** Where a value stands; with `ofKey` where its name stands. The nearest that exists counts. */
  const offsetOf = (path: readonly PropertyKey[], ofKey = false): number => {
    for (let length = path.length; length > 0; length -= 1) {
      const here = path.slice(0, length);
      const parent: unknown = length === 1 ? document.contents : document.getIn(here.slice(0, -1), true);
      const last = here.at(-1);
      if ((ofKey || length < path.length || !Number.isInteger(last)) && isMap(parent)) {
        const pair = parent.items.find((one) => String(one.key) === String(last));
        const part: unknown = ofKey || length < path.length ? pair?.key : (pair?.value ?? pair?.key);
        const start = startOf(part) ?? startOf(pair?.key);
        if (start !== undefined) return start;
      }
      const start = startOf(document.getIn(here, true));
      if (start !== undefined) return start;
    }
    return startOf(document.contents) ?? 0;
  };
  const parsed = rulesShape.safeParse(plain);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    if (issue?.code === 'unrecognized_keys') {
      const key = issue.keys[0] ?? '';
      fail(offsetOf([...issue.path, key], true), `unknown member "${key}"`);
    }
    const path = issue?.path ?? [];
    fail(offsetOf(path), `${path.length > 0 ? `${path.join('.')}: ` : ''}${issue?.message ?? 'not as it should be'}`);
    return noRules;
  }
  const { data } = parsed;
  const ids = new Set<string>();
  const rules = (data.rules ?? []).map((rule, at): Rule => {
    if (ids.has(rule.id)) fail(offsetOf(['rules', at, 'id']), `two rules are called "${rule.id}"`);
    ids.add(rule.id);
    let schema: ArgumentSchema | undefined;
    try {
      schema = rule.when.arguments === undefined ? undefined : compileArgumentSchema(rule.when.arguments);
    } catch (error) {
      if (!(error instanceof SchemaProblem)) throw error;
      fail(offsetOf(['rules', at, 'when', 'arguments', ...error.path], true), error.message);
    }
    const { then: effect, ...rest } = rule;
    return { ...rest, effect, schema, line: lines.linePos(offsetOf(['rules', at])).line };
  });
  const examples = (data.examples ?? []).map((example, at) => ({
    ...example,
    line: lines.linePos(offsetOf(['examples', at])).line,
  }));
  return { rules, classes: data.classes ?? {}, budgets: data.budgets ?? [], examples };
}

function startOf(node: unknown): number | undefined {
  if (typeof node !== 'object' || node === null || !('range' in node) || !Array.isArray(node.range)) return undefined;
  const start: unknown = node.range[0];
  return typeof start === 'number' ? start : undefined;
}
