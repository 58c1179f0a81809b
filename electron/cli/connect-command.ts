import { resolve } from 'node:path';
import { Argument, type Command } from 'commander';
import type { RequestOutput } from '../shared/contract.ts';
import { type WritableProgram, writableProgramIds, writablePrograms } from '../shared/programs.ts';
import { ask } from './instance.ts';
import type { CliIo } from './io.ts';
import { shellWord, shown } from './output.ts';

interface ConnectOptions {
  readonly write?: boolean;
  readonly project?: string;
  readonly token?: boolean;
  readonly inRepository?: boolean;
}

/** `connect PROGRAM SERVER`. */
export function registerConnectCommand(program: Command, io: CliIo): void {
  program
    .command('connect')
    .description('Write a shared server into the configuration of another program; shows the exact change first')
    .addArgument(new Argument('<program>').choices(writableProgramIds))
    .argument('<server>')
    .option('--write', 'write it; without this it is only shown')
    .option('--project <dir>', 'into the file of this project, not into yours')
    .option('--token', 'with a new token in the file, for programs that cannot sign in')
    .option('--in-repository', 'although the file lies in a repository, where a token may be published')
    .action(async (name: WritableProgram, server: string, options: ConnectOptions) => {
      const wish = {
        program: name,
        server,
        ...(options.project === undefined ? {} : { project: resolve(options.project) }),
        ...(options.token ? { token: true } : {}),
      };
      const proposal = await ask(io, 'connect.propose', wish);
      if (!options.write) {
        const again = [
          ...['sallyport connect', name, shellWord(server), '--write'],
          ...(wish.project === undefined ? [] : ['--project', shellWord(wish.project)]),
          ...(options.token ? ['--token'] : []),
        ].join(' ');
        io.print(proposal, () => [...described(proposal), `Write it: ${again}`].join('\n'));
        return;
      }
      const written = await ask(io, 'connect.write', {
        ...wish,
        digest: proposal.digest,
        ...(options.inRepository ? { inRepository: true } : {}),
      });
      io.print(written, () =>
        [
          ...described(proposal),
          `Written. ${written.kept === undefined ? 'The file is new.' : `The file before: ${shown(written.kept)}`}`,
          `Restart ${writablePrograms[name]} if it runs. It is taken out again when ${shown(server)} is no longer shared.`,
        ].join('\n'),
      );
    });
}

function described(proposal: RequestOutput<'connect.propose'>): string[] {
  const marks = { same: ' ', removed: '-', added: '+' };
  return [
    `${shown(proposal.file)}${proposal.exists ? '' : ' (new)'}`,
    ...proposal.lines.map(({ kind, text }) => `${marks[kind]} ${shown(text, 300)}`),
    ...(proposal.repository === undefined ? [] : [`It lies in the repository ${shown(proposal.repository)}.`]),
  ];
}
