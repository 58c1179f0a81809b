import type { Command } from 'commander';
import { ask } from './instance.ts';
import type { CliIo } from './io.ts';
import { shown, table } from './output.ts';

/** `canaries …`. */
export function registerCanaryCommands(program: Command, io: CliIo): void {
  const canaries = program
    .command('canaries')
    .description('Planted values: an agent that sends one anywhere is paused');

  canaries
    .command('list')
    .description('What is planted')
    .action(async () => {
      const answer = await ask(io, 'canaries.list', {});
      io.print(answer, () =>
        answer.canaries.length === 0
          ? 'Nothing is planted. sallyport canaries add "in the payroll sheet" makes a value to plant.'
          : table(
              answer.canaries.map((one) => [one.id, `${shown(one.begins)}…`, shown(one.note), `planted ${one.at}`]),
              200,
            ),
      );
    });

  canaries
    .command('add')
    .description('Watch for a value: one that is made, to be put where no agent has business')
    .argument('<note>', 'where it is planted')
    .option('--value <v>', 'watch for this value instead')
    .action(async (note: string, { value }: { value?: string }) => {
      const made = await ask(io, 'canaries.add', { note, ...(value === undefined ? {} : { value }) });
      io.print(made, () => `${shown(made.value, 400)}\nPut it there. It is not shown again.`);
    });

  canaries
    .command('remove')
    .description('Watch for a value no more')
    .argument('<id>')
    .action(async (id: string) => {
      const removed = await ask(io, 'canaries.remove', { id });
      io.print(removed, () => `${shown(removed.id)} is watched no more.`);
    });
}
