import type { Command } from 'commander';
import type { ControlClient } from '../core/fronts/control-client.ts';
import { exportLogFile, listLogFile, showLogFile, verifyLogFile } from '../core/request-log/log-file.ts';
import { outcomes } from '../shared/call.ts';
import type { RequestInput, RequestOutput } from '../shared/contract.ts';
import type { LogDetail, LogRow } from '../shared/views.ts';
import { moment, oneOf, wholeNumber } from './arguments.ts';
import { exitStatus, usageError } from './failures.ts';
import { askOr, logPath, untilSignal, withInstance } from './instance.ts';
import type { CliIo } from './io.ts';
import { logWitness } from './log-witness.ts';
import { counted, safeJson, shown, table } from './output.ts';

interface ListOptions {
  readonly limit?: number;
  readonly server?: string;
  readonly since?: string;
  readonly until?: string;
  readonly agent?: string;
  readonly tool?: string;
  readonly decision?: Query['decision'];
  readonly outcome?: Query['outcome'];
  readonly text?: string;
  readonly follow?: boolean;
}
type Query = RequestInput<'log.list'>;
type Page = RequestOutput<'log.list'>;

const pageRows = 500;
const mebibyte = 1_048_576;

/** `log …`. */
export function registerLogCommands(program: Command, io: CliIo): void {
  const log = program.command('log').description('The request log');

  log
    .command('list')
    .description('Newest calls and events')
    .option('--limit <n>', 'how many (default 50)', wholeNumber(1, 100_000))
    .option('--server <s>', 'only of this server (its slug)')
    .option('--since <t>', 'not older: 2026-11-22T14:00:00Z, or how long ago: 15m', moment)
    .option('--until <t>', 'not newer', moment)
    .option('--agent <a>', 'only of this agent (name or id)')
    .option('--tool <t>', 'only of this tool')
    .option('--decision <d>', 'allow, ask or deny', oneOf(['allow', 'ask', 'deny']))
    .option('--outcome <o>', outcomes.join(', '), oneOf(outcomes))
    .option('--text <words>', 'with all of these words in arguments, tool, server or agent')
    .option('--follow', 'go on with what happens from now on, one JSON object a line')
    .action(async (options: ListOptions) => {
      if (options.follow) {
        if (options.text !== undefined || options.until !== undefined) {
          throw usageError('--follow takes neither --text nor --until.', 'Leave them out, or look without --follow.');
        }
        await withInstance(io, (client) => follow(io, client, options));
        return;
      }
      const answer = await askOr(
        io,
        (client) => gather(options, (query) => client.request('log.list', query)),
        () => gather(options, (query) => listLogFile(logPath(io), query)),
      );
      io.print(answer, () => describeRows(answer.rows));
    });

  log
    .command('show')
    .description('One call with arguments, result and time line')
    .argument('<id>')
    .action(async (id: string) => {
      const row = await askOr(
        io,
        async (client) => (await client.request('log.show', { id })).row,
        () => showLogFile(logPath(io), id),
      );
      io.print({ rows: [row] }, () => describeDetail(row));
    });

  log
    .command('verify')
    .description('Check that nothing in the log was changed; exit status 5 if something was')
    .action(async () => {
      const result = await askOr(
        io,
        (client) => client.request('log.verify', {}),
        async () => verifyLogFile(logPath(io), await logWitness(io.dataDir())),
      );
      io.print(result, () => describeVerification(result));
      if (!result.ok) io.status(exitStatus.foundWrong);
    });

  log
    .command('keep')
    .description('How much of the log is kept; with options, sets it (what is beyond goes at once, for good)')
    .option('--days <n>', 'days (default 90)', wholeNumber(1, 3_650))
    .option('--size <mib>', 'MiB (default 1024)', wholeNumber(1, 1_048_576))
    .action(async ({ days, size }: { days?: number; size?: number }) => {
      const chosen = {
        ...(days === undefined ? {} : { days }),
        ...(size === undefined ? {} : { bytes: size * mebibyte }),
      };
      const kept = await withInstance(io, (client) =>
        Object.keys(chosen).length === 0 ? client.request('log.kept', {}) : client.request('log.keep', chosen),
      );
      io.print(kept, () => {
        const oldest = kept.oldest === undefined ? '' : `, the oldest entry of ${kept.oldest}`;
        return `The log keeps ${kept.days} days and ${Math.round(kept.bytes / mebibyte)} MiB. In use: ${(kept.usedBytes / mebibyte).toFixed(1)} MiB${oldest}.`;
      });
    });

  log
    .command('export')
    .description('Every row with its result, oldest first, one JSON object a line')
    .action(() => {
      // The file itself, also while an instance runs: readers do not disturb its writer.
      for (const row of exportLogFile(logPath(io))) io.stdout(`${safeJson(row)}\n`);
    });
}

const damages = {
  changed: 'was changed at entry',
  removed: 'lacks entries from',
  cut: 'was cut at its end: it lacks entry',
  checkpoint: 'has a forged or missing checkpoint at entry',
} as const;

function describeVerification(result: RequestOutput<'log.verify'>): string {
  const good = counted(result.rows, 'entry', 'entries');
  if (!result.ok) {
    const what = damages[result.damage ?? 'changed'];
    return `The log ${what} ${result.badSeq}: ${shown(result.why ?? '')}. ${good} were checked.`;
  }
  const lines = [`The log is whole: ${good} checked, ${counted(result.checkpoints, 'checkpoint', 'checkpoints')}.`];
  if (result.signedBy === 'nobody')
    lines.push('Nothing in it is signed yet: whoever could write the file could have made it anew.');
  if (result.signedBy === 'unproven') {
    lines.push(
      'The key of this installation could not be opened here: the signatures fit the key that the file names.',
    );
  }
  if (result.removed) {
    lines.push(
      `${counted(result.removed.entries, 'entry', 'entries')} up to ${result.removed.upTo} were taken away by the limits, signed.`,
    );
  }
  return lines.join('\n');
}

/** Follows pages until as many rows are there as asked for. */
async function gather(options: ListOptions, page: (query: Query) => Page | Promise<Page>): Promise<Page> {
  const { limit = 50, follow: _follow, ...filters } = options;
  const rows: LogRow[] = [];
  let before: number | undefined;
  for (;;) {
    const answer = await page({
      limit: Math.min(pageRows, limit - rows.length),
      ...filters,
      ...(before === undefined ? {} : { before }),
    });
    rows.push(...answer.rows);
    before = answer.next;
    if (before === undefined || rows.length >= limit) return before === undefined ? { rows } : { rows, next: before };
  }
}

/** What is there, oldest first, then what comes. A row is printed again each time it changes. */
async function follow(io: CliIo, client: ControlClient, options: ListOptions): Promise<void> {
  const print = (row: LogRow): void => io.stdout(`${safeJson(row)}\n`);
  const early: LogRow[] = [];
  let listed = false;
  client.subscribe('log', ({ rows }) => {
    for (const row of rows) {
      if (!follows(row, options)) continue;
      if (listed) print(row);
      else early.push(row);
    }
  });
  const { rows } = await gather(options, (query) => client.request('log.list', query));
  for (const row of rows.toReversed()) print(row);
  const known = new Set(rows.map((row) => row.hash));
  for (const row of early) if (!known.has(row.hash)) print(row);
  listed = true;
  await untilSignal(io, client);
}

/** Whether a new row is one of those that were asked for. Words are looked for by the app: here they are not. */
function follows(row: LogRow, options: ListOptions): boolean {
  const { server, agent, tool, decision, outcome } = options;
  return (
    (server === undefined || row.server === server) &&
    (agent === undefined || row.agent?.name === agent || row.agent?.id === agent) &&
    (tool === undefined || row.tool === tool) &&
    (decision === undefined || row.decision?.effect === decision) &&
    (outcome === undefined || row.outcome === outcome)
  );
}

function describeRows(rows: readonly LogRow[]): string {
  if (rows.length === 0) return 'The log has nothing that matches.';
  return table(
    rows.map((row) =>
      row.kind === 'call'
        ? [row.at, row.id, row.agent?.name ?? '', row.server ?? '', row.tool ?? row.method ?? '', becameOf(row)]
        : [row.at, row.id, '–', row.server ?? '–', '–', row.message ?? ''],
    ),
    120,
  );
}

function becameOf(row: LogRow): string {
  const parts = [row.outcome ?? 'under way'];
  if (row.decision && row.outcome !== 'ran') parts.push(row.decision.rule);
  if (row.answer?.by) parts.push(`by ${row.answer.by}`);
  if (row.ms !== undefined) parts.push(`${Math.round(row.ms)} ms`);
  if (row.error) parts.push(row.error);
  return parts.join(' · ');
}

function describeDetail(row: LogDetail): string {
  const lines = [describeRows([row])];
  if (row.decision) {
    const { effect, rule, risk, reasons } = row.decision;
    lines.push(`Decision: ${effect} by ${shown(rule)}, risk ${risk}`, ...reasons.map((reason) => `  ${shown(reason)}`));
  }
  if (row.argumentsText !== undefined) lines.push('Arguments:', `  ${shown(row.argumentsText, 20_000)}`);
  if (row.resultText !== undefined) lines.push('Result:', `  ${shown(row.resultText, 20_000)}`);
  if (row.steps.length > 0) {
    lines.push('Steps:', table(row.steps.map(({ step, at, detail }) => [`  ${at}`, step, detail ?? ''])));
  }
  return lines.join('\n');
}
