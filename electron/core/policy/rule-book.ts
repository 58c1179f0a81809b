import type { Call, ToolClass } from '../../shared/call.ts';
import { JsonObject } from '../../shared/json-tree.ts';
import type { Verdict } from './argument-schema.ts';
import { glob, globWeight } from './glob.ts';
import type { Named, NamedPlaces } from './named-places.ts';
import type { Budget, Rule, RulesDocument } from './rules-document.ts';
import type { JudgedSelect } from './sql/select-only.ts';
import { loadSqlParsers } from './sql/sql-parsers.ts';
import { atMost, mailReceivers, rowsAtMost, selectsOf } from './word-conditions.ts';

/** What the rules say about one call: the most specific rule of each effect that matches. */
export interface RuleMatches {
  readonly deny?: Rule;
  /** An ask rule, or a deny rule of which nobody can tell whether it matches. */
  readonly ask?: Rule;
  readonly allow?: Rule;
}

/** A rules file in force. */
export interface RuleBook {
  readonly document: RulesDocument;
  /** Class that the person gave the tool. */
  classOf(server: string, tool: string): ToolClass | undefined;
  /** @param places where the arguments lead, worked out when a rule asks for it. @param labels of the agent's session */
  match(call: Call, kind: ToolClass, places: () => NamedPlaces, labels: ReadonlySet<string>): RuleMatches;
  /** Budgets that count this call. */
  budgetsFor(call: Call): readonly (readonly [index: number, budget: Budget])[];
}

/** A rule whose names fit, by effect, the most specific first. */
interface Candidates {
  readonly deny: readonly Rule[];
  readonly ask: readonly Rule[];
  readonly allow: readonly Rule[];
}

const emptyArguments = new JsonObject();

/** Names whose candidates are kept at the same time. */
const mostKept = 5_000;

/** Loads what rules need beyond our own code: the parsers of the dialects that they name. Until then such a rule cannot tell. */
export async function prepareRules(document: RulesDocument): Promise<void> {
  await loadSqlParsers(new Set(document.rules.flatMap(({ when }) => when['select-only']?.dialect ?? [])));
}

/** Makes a book of a document. Deciding with a thousand rules costs as much as with those that name the tool. */
export function createRuleBook(document: RulesDocument): RuleBook {
  const prepared = document.rules
    .map((rule) => ({ rule, fits: nameTest(rule), weight: weightOf(rule) }))
    .sort((one, other) => other.weight - one.weight);
  const classes = new Map(Object.entries(document.classes));
  const budgets = document.budgets.map((budget, index) => {
    const agent = glob(budget.agent ?? '*');
    const server = glob(budget.server ?? '*');
    return {
      entry: [index, budget] as const,
      fits: (call: Call) => (agent(call.agent.id) || agent(call.agent.name)) && server(call.server),
    };
  });
  const kept = new Map<string, Candidates>();
  const candidates = (call: Call, kind: ToolClass): Candidates => {
    const key = `${kind}\n${call.server}\n${call.name ?? ''}\n${call.agent.id}\n${call.agent.name}`;
    const known = kept.get(key);
    if (known) return known;
    const fitting = prepared.filter(({ fits }) => fits(call, kind)).map(({ rule }) => rule);
    const made = {
      deny: fitting.filter((rule) => rule.effect === 'deny'),
      ask: fitting.filter((rule) => rule.effect === 'ask'),
      allow: fitting.filter((rule) => rule.effect === 'allow'),
    };
    if (kept.size >= mostKept) kept.clear();
    kept.set(key, made);
    return made;
  };

  return {
    document,
    classOf: (server, tool) => classes.get(`${server}/${tool}`),
    match(call, kind, places, labels) {
      if (prepared.length === 0) return {};
      const { deny, ask, allow } = candidates(call, kind);
      const now = Date.parse(call.at);
      const test = (rule: Rule): Verdict => conditions(rule, call, places, labels, now);
      const denying = deny.find((rule) => test(rule) === true);
      if (denying) return { deny: denying };
      const asking = ask.find((rule) => test(rule) !== false) ?? deny.find((rule) => test(rule) === 'unknown');
      const allowing = allow.find((rule) => test(rule) === true);
      return { ...(asking ? { ask: asking } : {}), ...(allowing ? { allow: allowing } : {}) };
    },
    budgetsFor: (call) => budgets.filter(({ fits }) => fits(call)).map(({ entry }) => entry),
  };
}

function nameTest(rule: Rule): (call: Call, kind: ToolClass) => boolean {
  const agent = rule.when.agent === undefined ? undefined : glob(rule.when.agent);
  const server = glob(rule.when.server ?? '*');
  const tool = glob(rule.when.tool ?? '*');
  return (call, kind) => {
    if (rule.when.class !== undefined && rule.when.class !== kind) return false;
    if (!server(call.server) || !tool(call.name ?? '')) return false;
    if (!agent || agent(call.agent.id)) return true;
    // A client chooses its own name; only a token's was given by the person.
    const trusted = call.agent.id.startsWith('token:');
    return (trusted || rule.effect !== 'allow') && agent(call.agent.name);
  };
}

function weightOf({ when }: Rule): number {
  const names = [when.tool, when.server, when.agent].map((one) => (one === undefined ? 0 : 1 + globWeight(one)));
  const [tool = 0, server = 0, agent = 0] = names;
  const { arguments: schema, hosts, labels } = when;
  const words = [when['paths-under'], when['select-only'], when['mail-domains'], when['at-most'], when['rows-at-most']];
  const conditions = [schema, hosts, labels, ...words].filter((one) => one !== undefined);
  return conditions.length * 1_000 + tool * 4 + server * 2 + agent + (when.class === undefined ? 0 : 1);
}

function conditions(
  rule: Rule,
  call: Call,
  places: () => NamedPlaces,
  labels: ReadonlySet<string>,
  now: number,
): Verdict {
  const { when, until, schema } = rule;
  if (until !== undefined && now >= Date.parse(until)) return false;
  // What an allow rule names as a label it tolerates; the others speak only under it.
  if (when.labels && rule.effect !== 'allow' && !when.labels.every((one) => labels.has(one))) return false;
  let verdict: Verdict = true;
  const and = (next: Verdict): boolean => {
    if (next === 'unknown') verdict = next;
    return next !== false;
  };
  if (schema && !and(schema(call.arguments ?? emptyArguments))) return false;
  if (when['paths-under'] && !and(covered(places().pathsUnder(when['paths-under']), rule))) return false;
  if (when.hosts && !and(covered(places().hosts(when.hosts), rule))) return false;
  if (when['mail-domains'] && !and(covered(mailReceivers(call.arguments, when['mail-domains']), rule))) return false;
  if (when['at-most'] && !and(atMost(call.arguments, when['at-most']))) return false;
  const select = when['select-only'];
  const selects = select ? selectsOf(call.arguments, select) : [];
  if (select && !and(onlySelects(selects))) return false;
  const rows = when['rows-at-most'];
  if (rows !== undefined && !and(rowsAtMost(call.arguments, rows, selects))) return false;
  return verdict;
}

/** There is at least one statement, and each only selects. */
function onlySelects(selects: readonly JudgedSelect[]): Verdict {
  if (selects.length === 0) return false;
  return selects.every(({ verdict }) => verdict === true) ? true : 'unknown';
}

/** An allow rule needs every value inside and at least one; the others speak as soon as one is. */
function covered(named: Named, rule: Rule): Verdict {
  if (rule.effect === 'allow') {
    if (named.unsure) return 'unknown';
    return named.values > 0 && named.fitting === named.values;
  }
  if (named.fitting > 0) return true;
  return named.unsure ? 'unknown' : false;
}
