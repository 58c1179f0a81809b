import type { Command } from 'commander';
import { notYet } from './failures.ts';

/** `policy …`: rules come with a later version. */
export function registerPolicyCommands(program: Command): void {
  const policy = program.command('policy').description('Rules');
  for (const [name, description] of [
    ['show', 'The rules in force'],
    ['set', 'Put a rules file in force'],
    ['test', 'Check a rules file against its examples'],
    ['replay', 'Decide recorded calls again'],
  ] as const) {
    policy
      .command(name)
      .description(description)
      .argument('[file]')
      .allowUnknownOption()
      .allowExcessArguments()
      .action(() => {
        throw notYet(`policy ${name}`);
      });
  }
}
