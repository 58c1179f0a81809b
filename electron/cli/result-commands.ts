import type { Command } from 'commander';
import { ask } from './instance.ts';
import type { CliIo } from './io.ts';
import { shown, table } from './output.ts';

/** `results …`. */
export function registerResultCommands(program: Command, io: CliIo): void {
  const results = program.command('results').description('Results whose secrets were masked, for ten minutes');

  results
    .command('list')
    .description('What was masked or withheld')
    .action(async () => {
      const answer = await ask(io, 'results.list', {});
      io.print(answer, () =>
        answer.results.length === 0
          ? 'Nothing was masked within the last ten minutes.'
          : table(
              answer.results.map((one) => [
                one.id,
                shown(one.agent.name),
                one.server,
                shown(one.tool),
                `${one.withheld ? 'withheld' : 'masked'}: ${one.kinds.join(', ')}`,
                `until ${one.until}`,
              ]),
              200,
            ),
      );
    });

  results
    .command('reveal')
    .description('Show the original, secrets included')
    .argument('<id>')
    .action(async (id: string) => {
      const revealed = await ask(io, 'results.reveal', { id });
      io.print(revealed, () => shown(revealed.text, 1_048_576));
    });

  results
    .command('send')
    .description('Let the agent have the original: its next identical call gets it, once')
    .argument('<id>')
    .action(async (id: string) => {
      const sent = await ask(io, 'results.send', { id });
      io.print(sent, () => 'Its next identical call gets the result, without running again.');
    });
}
