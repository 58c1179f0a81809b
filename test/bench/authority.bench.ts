/**
 * What a stranger's instructions may do, and what that costs the person: attacks that had an effect without a prompt,
 * prompts in sessions of ordinary work, false alarms on descriptions of ordinary tools, and the time of a decision with a
 * thousand rules. Runs the code of `sallyport policy replay`. Ends with status 1 where an aim is missed.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openReplay } from '../../electron/cli/policy-runs.ts';
import { createPolicy } from '../../electron/core/policy/create-policy.ts';
import { hiddenInstructions } from '../../electron/core/policy/hidden-instructions.ts';
import { type ReplayAnswers, type ReplayedCall, replayAccess } from '../../electron/core/policy/replay.ts';
import { noRules, readRules } from '../../electron/core/policy/rules-document.ts';
import type { Call } from '../../electron/shared/call.ts';
import { fromPlain, JsonObject } from '../../electron/shared/json-tree.ts';
import { attacks } from '../fixtures/attacks/attacks.ts';
import { type Line, servers } from '../fixtures/attacks/servers.ts';
import { benign } from '../fixtures/benign/sessions.ts';
import { attacks as heldOutAttacks } from '../fixtures/held-out/attacks.ts';
import { sessions as heldOutSessions } from '../fixtures/held-out/sessions.ts';
import { wellKnown } from '../fixtures/tool-catalogues/well-known.ts';

const dataFolder = join(tmpdir(), 'sallyport-bench-data');
const start = Date.parse('2026-11-22T12:00:00Z');
let missed = 0;

function replayed(lines: readonly Line[], answers: ReplayAnswers): { line: Line; came: ReplayedCall }[] {
  const replay = openReplay({ dataFolder, rules: noRules, answers, start, home: '/home/ada' });
  return lines.flatMap((line) => {
    const { attack: _, ...plain } = line;
    const came = replay.line(JSON.stringify(plain));
    return came ? [{ line, came }] : [];
  });
}

function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

function report(what: string, value: string, aim: string, held: boolean): void {
  if (!held) missed += 1;
  console.log(`${what.padEnd(58)} ${value.padStart(18)}   aim ${aim.padEnd(22)} ${held ? 'held' : 'MISSED'}`);
}

// What was written without a look at the rest, and measured before anything was mended (`docs/policy.md`, Figures).
for (const [corpus, remember] of [attacks, heldOutAttacks].flatMap((one) =>
  (['once', 'arguments', 'tool'] as const).map((each) => [one, each] as const),
)) {
  const calls = corpus.flatMap(({ kind, lines }) =>
    replayed(lines, { answer: 'allow', remember })
      .filter(({ line }) => line.attack === true)
      .map((one) => ({ kind, ...one })),
  );
  const silent = calls.filter(({ came }) => came.decision === 'allow');
  for (const { kind, line } of silent) console.log(`  ran unasked: ${kind}: ${JSON.stringify(line).slice(0, 160)}`);
  report(
    `${corpus === heldOutAttacks ? 'held-out ' : ''}attacks with no prompt, remembering ${remember}`,
    `${silent.length} of ${calls.length}`,
    '0',
    silent.length === 0,
  );
}

const asksOf = (lines: readonly Line[], remember: ReplayAnswers['remember']): number =>
  replayed(lines, { answer: 'allow', remember }).filter(({ came }) => came.decision === 'ask').length;
for (const [sessions, remember] of [benign, heldOutSessions].flatMap((one) =>
  (['once', 'tool'] as const).map((each) => [one, each] as const),
)) {
  const asks = sessions.map(({ lines }) => asksOf(lines, remember));
  if (process.argv.includes('--each')) sessions.forEach(({ task }, at) => void console.log(`  ${task}: ${asks[at]}`));
  const median = quantile(asks, 0.5);
  const tenth = quantile(asks, 0.9);
  report(
    `prompts a ${sessions === heldOutSessions ? 'held-out' : 'benign'} session (${sessions.length}), remembering ${remember}`,
    `median ${median}, p90 ${tenth}`,
    'median ≤ 2, p90 ≤ 5',
    (median <= 2 && tenth <= 5) || remember === 'once',
  );
}
const settled = benign.map(({ lines }) => {
  const work = lines.filter((line) => line.type === 'call');
  return asksOf([...lines, ...work], 'tool') - asksOf(lines, 'tool');
});
report(
  'prompts once remembered rules have settled',
  `median ${quantile(settled, 0.5)}`,
  'median ≤ 1',
  quantile(settled, 0.5) <= 1,
);

const folder = join(import.meta.dirname, '../fixtures/tool-catalogues');
const definitions: JsonObject[] = [];
for (const file of readdirSync(folder).filter((name) => name.endsWith('.json'))) {
  const catalogue: { tools: { definition: unknown }[] } = JSON.parse(readFileSync(join(folder, file), 'utf8'));
  for (const { definition } of catalogue.tools) definitions.push(objectOf(definition));
}
for (const { definition } of wellKnown) definitions.push(objectOf(definition));
for (const list of Object.values(servers)) for (const one of list) definitions.push(objectOf(one));
const alarms = definitions.filter((one) => hiddenInstructions(String(one.get('description') ?? '')) !== undefined);
const rate = (100 * alarms.length) / definitions.length;
report('false alarms on benign descriptions', `${rate.toFixed(1)} % of ${definitions.length}`, '≤ 2 %', rate <= 2);

const rules = Array.from(
  { length: 1_000 },
  (_, at) => `  - id: rule-${at}
    when: { server: server-${at % 50}*, tool: "*_${at % 20}", arguments: { properties: { path: { pattern: "^/home/[a-z]+/part-${at}/" } } } }
    then: ${['allow', 'ask', 'deny'][at % 3]}`,
);
const ownRule = `  - id: own
    when: { server: files, tool: read_*, paths-under: [/home/ada], arguments: { properties: { path: { type: string, pattern: "^/" } } } }
    then: allow`;
const policy = createPolicy({
  store: { load: () => ({ kind: 'none' }), save: () => {}, remove: () => {} },
  dataFolder,
  home: '/home/ada',
  access: replayAccess,
  rules: readRules(`version: 1\nrules:\n${ownRule}\n${rules.join('\n')}\n`, 'bench'),
});
for (const [server, list] of Object.entries(servers)) policy.approveAll(server, list.map(objectOf));
const calls: Call[] = benign
  .flatMap(({ lines }) => lines)
  .filter((line) => line.type === 'call')
  .map((line, at) => {
    const pin = policy.pinOf(String(line.server), String(line.tool));
    return {
      id: String(at),
      at: new Date(start + at * 1_000).toISOString(),
      agent: { id: 'token:bench', name: 'bench' },
      agentSession: 's',
      server: String(line.server),
      method: 'tools/call',
      name: String(line.tool),
      arguments: fromPlain(line.arguments),
      digest: 'sha256:0',
      era: '2025-11-25',
      bytesIn: 1,
      ...(pin === undefined ? {} : { pin }),
    };
  });
// On a machine that does other things the slowest hundredth tells how long others ran, the garbage collector's helpers included. So a
// yardstick of about the same length and garbage (25 KB a decision), reading a JSON text, is measured between the decisions.
const yard = JSON.stringify(
  Array.from({ length: 160 }, (_, at) => ({ name: `name ${at}`, values: [at, `value ${at}`] })),
);
const times: number[] = [];
const yardstick: number[] = [];
const timed = (work: () => void): number => {
  const began = performance.now();
  work();
  return (performance.now() - began) * 1_000;
};
for (let round = 0; round < 45; round += 1) {
  for (const call of calls) {
    const took = timed(() => void policy.decide(call));
    const like = timed(() => void JSON.parse(yard));
    if (round < 5) continue;
    times.push(took);
    yardstick.push(like);
  }
}
const median = quantile(times, 0.5);
report('a decision with 1,000 rules', `median ${median.toFixed(0)} µs`, '≤ 100 µs', median <= 100);
const [slow, like] = [quantile(times, 0.99), quantile(yardstick, 0.99)];
const times99 = `p99 ${slow.toFixed(0)} µs, yardstick ${like.toFixed(0)} µs`;
report(
  'its slowest hundredth, beside a like piece of work',
  times99,
  '≤ 1 ms or twice that',
  slow <= Math.max(1_000, 2 * like),
);
process.exitCode = missed > 0 ? 1 : 0;

function objectOf(value: unknown): JsonObject {
  const node = fromPlain(value);
  if (!(node instanceof JsonObject)) throw new Error('a definition is an object');
  return node;
}
