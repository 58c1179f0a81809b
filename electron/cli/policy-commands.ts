import { createReadStream, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { type Command, Option } from 'commander';
import { createTally } from '../core/policy/replay.ts';
import { prepareRules } from '../core/policy/rule-book.ts';
import { readRules } from '../core/policy/rules-document.ts';
import { createRulesFile } from '../core/policy/rules-file.ts';
import { asSallyportError, SallyportError } from '../shared/errors.ts';
import { moment, wholeNumber } from './arguments.ts';
import { exitStatus, usageError } from './failures.ts';
import { ask } from './instance.ts';
import type { CliIo } from './io.ts';
import { replayLog } from './log-replay.ts';
import { counted, safeJson, shown } from './output.ts';
import { openReplay, testExamples } from './policy-runs.ts';

interface ReplayOptions {
  readonly answer: 'allow' | 'deny';
  readonly remember: 'once' | 'arguments' | 'tool';
  readonly summary?: boolean;
  readonly log?: boolean;
  readonly rules?: string;
  readonly since?: string;
}

/** `policy …`. */
export function registerPolicyCommands(program: Command, io: CliIo): void {
  const policy = program.command('policy').description('Rules');

  policy
    .command('show')
    .description('The rules in force')
    .action(async () => {
      const rules = await ask(io, 'policy.show', {});
      io.print(rules, () =>
        rules.text.trim() === '' ? `No rules. They would stand in ${rules.path}` : rules.text.trimEnd(),
      );
    });

  policy
    .command('set')
    .description('Put a rules file in force')
    .argument('<file>')
    .action(async (file: string) => {
      const set = await ask(io, 'policy.set', { text: textOf(file), name: file });
      io.print(set, () => `${counted(set.rules, 'rule')} in force.`);
    });

  policy
    .command('propose')
    .description('Rules that would have answered what you answered by hand, from the recorded calls')
    .option('--days <n>', 'how far back (default 30)', wholeNumber(1, 366))
    .action(async ({ days }: { days?: number }) => {
      const answer = await ask(io, 'policy.propose', days === undefined ? {} : { days });
      io.print(answer, () =>
        answer.proposals.length === 0
          ? 'Nothing to propose: no tool was allowed often enough with something in common.'
          : answer.proposals
              .map(
                (one) =>
                  `${shown(one.sentence, 600)} Remember that?\n${shown(one.text, 4_000).trimEnd()}\n  sallyport policy adopt ${shown(one.id)}`,
              )
              .join('\n\n'),
      );
    });

  policy
    .command('adopt')
    .description('Add proposed rules to the rules file, and put it in force')
    .argument('<id...>')
    .option('--days <n>', 'as for propose', wholeNumber(1, 366))
    .action(async (ids: string[], { days }: { days?: number }) => {
      const set = await ask(io, 'policy.adopt', { ids, ...(days === undefined ? {} : { days }) });
      io.print(set, () => `${counted(set.rules, 'rule')} in force.`);
    });

  policy
    .command('test')
    .description('Check a rules file against its examples; exit status 5 if one comes out otherwise')
    .argument('<file>')
    .action(async (file: string) => {
      const document = readRules(textOf(file), file);
      await prepareRules(document);
      const failed = testExamples(document, io.dataDir(), Date.now());
      const { rules, examples } = document;
      io.print({ ok: failed.length === 0, rules: rules.length, examples: examples.length, failed }, () =>
        [
          ...failed.map(
            (one) =>
              `${shown(file)}:${one.line}: ${shown(one.call)} is “${one.decision}”, not “${one.expect}”. ${shown(one.reasons[0] ?? '')}`,
          ),
          `${counted(rules.length, 'rule')}; ${counted(examples.length, 'example')}, ${failed.length} wrong.`,
        ].join('\n'),
      );
      if (failed.length > 0) io.status(exitStatus.foundWrong);
    });

  policy
    .command('replay')
    .description('Decide recorded calls by the rules in force, or the calls of the request log; one JSON object a call')
    .argument('[file]', 'a recording, - for standard input; with --log none')
    .option('--summary', 'print one JSON object with what all of it came to, instead of a line for each call')
    .option('--log', 'what the rules would have made of the calls in the request log')
    .option('--rules <file>', 'with --log: these rules instead of those in force')
    .option('--since <t>', 'with --log: not older: 2026-11-22T14:00:00Z, or how long ago: 30d', moment)
    .addOption(new Option('--answer <a>', 'how questions are taken').choices(['allow', 'deny']).default('deny'))
    .addOption(
      new Option('--remember <r>', 'how answers are remembered in a session')
        .choices(['once', 'arguments', 'tool'])
        .default('once'),
    )
    .action(async (file: string | undefined, options: ReplayOptions) => {
      if (options.log) {
        if (file !== undefined) throw usageError('Name a recording or --log, not both.');
        await replayLog(
          io,
          options.rules === undefined ? undefined : readRules(textOf(options.rules), options.rules),
          options.since,
        );
        return;
      }
      if (file === undefined) throw usageError('Name a recording, or use --log for the request log.');
      if (options.rules !== undefined || options.since !== undefined)
        throw usageError('--rules and --since belong to --log.');
      const rules = createRulesFile(io.dataDir()).read();
      await prepareRules(rules);
      const replay = openReplay({
        dataFolder: io.dataDir(),
        rules,
        answers: { answer: options.answer, remember: options.remember },
        start: Date.now(),
      });
      const tally = createTally();
      let number = 0;
      for await (const line of linesOf(file === '-' ? io.stdin : createReadStream(file, 'utf8'), file)) {
        number += 1;
        if (line.trim() === '') continue;
        try {
          const came = replay.line(line);
          if (came) tally.took(came, replay.session());
          if (came && !options.summary) io.stdout(`${safeJson(came)}\n`);
        } catch (thrown) {
          const error = asSallyportError(thrown, 'policy');
          throw new SallyportError(error.code, 'policy', `${file}:${number}: ${error.message}`, {
            ...(error.hint === undefined ? {} : { hint: error.hint }),
          });
        }
      }
      if (options.summary) io.stdout(`${safeJson(tally.summary(replay.session()))}\n`);
    });
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw unreadable(file, error);
  }
}

async function* linesOf(stream: Readable, file: string): AsyncGenerator<string> {
  try {
    for await (const line of createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY })) yield line;
  } catch (error) {
    throw error instanceof SallyportError ? error : unreadable(file, error);
  } finally {
    stream.destroy();
  }
}

function unreadable(file: string, cause: unknown): SallyportError {
  return new SallyportError('file_unreadable', 'app', `${file} cannot be read.`, {
    hint: 'Check its name and permissions.',
    cause,
  });
}
