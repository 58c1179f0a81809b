import { readPins } from '../core/policy/pin-store.ts';
import type { ReplayedCall } from '../core/policy/replay.ts';
import { prepareRules } from '../core/policy/rule-book.ts';
import type { RulesDocument } from '../core/policy/rules-document.ts';
import { createRulesFile } from '../core/policy/rules-file.ts';
import { exportLogFile } from '../core/request-log/log-file.ts';
import { parseJson } from '../shared/json-tree.ts';
import type { LogDetail } from '../shared/views.ts';
import { logPath } from './instance.ts';
import type { CliIo } from './io.ts';
import { counted, safeJson, shown } from './output.ts';
import { openReplay } from './policy-runs.ts';

/** What `policy replay --log` prints for one call. */
interface LoggedReplay {
  readonly id: string;
  readonly at: string;
  readonly server: string;
  readonly tool: string;
  /** What was decided then. */
  readonly was: 'allow' | 'ask' | 'deny';
  readonly decision: ReplayedCall['decision'];
  readonly changed: boolean;
  /** Why the answer may not be right: what the rules look at is not in the log. */
  readonly cannotTell?: string;
  readonly class: ReplayedCall['class'];
  readonly reasons: readonly string[];
  readonly risk: number;
}

const pauseWithout = 30 * 60_000;

/**
 * Decides the calls of the request log as rules would have: with the tools that are approved now, and with what passed
 * through before as the log holds it. Nothing is written.
 * @param rules default: those in force
 * @param since RFC 3339; older calls are left out
 */
export async function replayLog(io: CliIo, rules: RulesDocument | undefined, since: string | undefined): Promise<void> {
  const document = rules ?? createRulesFile(io.dataDir()).read();
  await prepareRules(document);
  const replay = openReplay({
    dataFolder: io.dataDir(),
    rules: document,
    // Whether a call ran is in the log: its result is given where it did.
    answers: { answer: 'allow', remember: 'once' },
    start: Date.now(),
    pins: readPins(io.dataDir()),
  });
  const looksInside = document.rules.some(
    ({ when }) => when.arguments !== undefined || when['paths-under'] !== undefined || when.hosts !== undefined,
  );
  const counts = { calls: 0, wouldAsk: 0, wouldDeny: 0, wouldRun: 0, cannotTell: 0 };
  let last = 0;
  for (const row of exportLogFile(logPath(io))) {
    const { server, tool, decision } = row;
    if (row.kind !== 'call' || row.method !== 'tools/call' || !decision || server === undefined || tool === undefined)
      continue;
    if (since !== undefined && row.at < since) continue;
    // An agent that was idle for so long began anew (`design.md` §4).
    const at = Date.parse(row.at);
    if (at - last > pauseWithout) replay.line('{"type":"session"}');
    last = at;
    const { text, cannotTell } = lineOf(row, server, tool, looksInside);
    const came = replay.line(text);
    if (!came) continue;
    counts.calls += 1;
    const changed = came.decision !== decision.effect;
    if (cannotTell !== undefined) counts.cannotTell += 1;
    else if (changed)
      counts[came.decision === 'ask' ? 'wouldAsk' : came.decision === 'deny' ? 'wouldDeny' : 'wouldRun'] += 1;
    const { class: kind, reasons, risk } = came;
    const said: LoggedReplay = {
      id: row.id,
      at: row.at,
      server,
      tool,
      was: decision.effect,
      decision: came.decision,
      changed,
      ...(cannotTell === undefined ? {} : { cannotTell }),
      class: kind,
      reasons,
      risk,
    };
    if (io.json()) io.stdout(`${safeJson(said)}\n`);
    else if (changed) {
      const doubt = cannotTell === undefined ? '' : ` (cannot tell: ${cannotTell})`;
      io.stdout(
        `${row.at}  ${shown(server)}/${shown(tool)}  was ${said.was}, would be ${said.decision}${doubt}  ${shown(reasons[0] ?? '')}\n`,
      );
    }
  }
  if (io.json()) io.stdout(`${safeJson({ summary: counts })}\n`);
  else {
    const { wouldAsk, wouldDeny, wouldRun } = counts;
    io.stdout(
      `${counted(counts.calls, 'call')}: ${wouldAsk} would have asked, ${wouldDeny} would have been denied, ${wouldRun} would have run without asking, of ${counts.cannotTell} it cannot be told.\n`,
    );
  }
}

function lineOf(
  row: LogDetail,
  server: string,
  tool: string,
  looksInside: boolean,
): { readonly text: string; readonly cannotTell?: string } {
  const line: Record<string, unknown> = { type: 'call', at: row.at, server, tool, agent: row.agent?.name };
  const args = whole(row.argumentsText);
  const result = row.outcome === 'ran' ? whole(row.resultText) : undefined;
  // Texts as they were stored: numbers keep their digits.
  const members = Object.entries(line)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`);
  if (args !== undefined) members.push(`"arguments":${args}`);
  if (result !== undefined) members.push(`"result":${result}`);
  const text = `{${members.join(',')}}`;
  if (row.argumentsText !== undefined && args === undefined)
    return { text, cannotTell: 'its arguments were not kept whole' };
  if (looksInside && args?.includes('⟨secret:')) return { text, cannotTell: 'a secret in its arguments was not kept' };
  return { text };
}

/** A stored text that is whole JSON; one that was cut is none. */
function whole(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  try {
    parseJson(text);
    return text;
  } catch {
    return undefined;
  }
}
