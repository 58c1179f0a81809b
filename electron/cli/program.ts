import { Command, type CommanderError } from 'commander';
import { registerAgentCommands } from './agent-commands.ts';
import { registerAppCommands } from './app-commands.ts';
import { registerApprovalCommands } from './approval-commands.ts';
import { bindValues } from './arguments.ts';
import { registerCanaryCommands } from './canary-commands.ts';
import { registerConnectCommand } from './connect-command.ts';
import { registerDoctorCommand } from './doctor-command.ts';
import { errorLine, exitStatus, failureOf, statusOf } from './failures.ts';
import { type CliStreams, createIo, type GlobalOptions } from './io.ts';
import { registerLogCommands } from './log-commands.ts';
import { registerPolicyCommands } from './policy-commands.ts';
import { registerResultCommands } from './result-commands.ts';
import { registerServerCommands } from './server-commands.ts';
import { registerToolCommands } from './tool-commands.ts';
import { registerTunnelCommands } from './tunnel-commands.ts';
import { registerUpkeepCommands } from './upkeep-commands.ts';

/** What {@link runCli} needs of the entry file. */
export interface CliOptions {
  readonly version: string;
  /** Command and arguments that start this program again. */
  readonly selfCommand: readonly string[];
  /** Default: those of this process. */
  readonly streams?: CliStreams;
}

/**
 * Runs one command line (`design.md` §6). Errors go to stderr, one line each.
 * @param argv without the program's own name
 * @returns the exit status
 */
export async function runCli(argv: readonly string[], options: CliOptions): Promise<number> {
  // A first `--` keeps Node from taking `--env-file` for itself (docs/cli.md); it means nothing to us.
  const words = bindValues(argv[0] === '--' ? argv.slice(1) : argv);
  let status: number = exitStatus.done;
  let help = '';
  const program = new Command('sallyport');
  const io = createIo({
    version: options.version,
    selfCommand: options.selfCommand,
    // The process's own are read one by one: standard input is opened by looking at it.
    streams: options.streams ?? process,
    options: () => program.opts<GlobalOptions>(),
    onStatus: (value) => {
      status = value;
    },
  });
  program
    .description('Let a hosted agent reach the MCP servers on this machine, without letting the middle read.')
    .option('--data-dir <dir>', 'the data folder')
    .option('--json', 'one JSON document on standard output, errors as JSON')
    .version(options.version, '--version', 'print the version')
    .helpOption('--help', 'show help')
    .helpCommand(false)
    .exitOverride()
    .showSuggestionAfterError()
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: (text) => io.stdout(text),
      // Help that nobody asked for; errors are written below, in one line.
      writeErr: (text) => {
        help = text;
      },
      outputError: () => {},
    });
  registerAppCommands(program, io);
  registerDoctorCommand(program, io);
  registerServerCommands(program, io);
  registerToolCommands(program, io);
  registerAgentCommands(program, io);
  registerConnectCommand(program, io);
  registerCanaryCommands(program, io);
  registerResultCommands(program, io);
  registerApprovalCommands(program, io);
  registerLogCommands(program, io);
  registerPolicyCommands(program, io);
  registerTunnelCommands(program, io);
  registerUpkeepCommands(program, io);
  if (words.includes('edge')) {
    // Loaded where needed: it brings the edge and its certificates, which would slow every other command's start.
    const { registerEdgeCommands } = await import('./edge-commands.ts');
    registerEdgeCommands(program, io);
  } else program.command('edge').description('The edge alone, for a server');

  try {
    await program.parseAsync(words, { from: 'user' });
    return status;
  } catch (thrown) {
    const failure = failureOf(thrown);
    if (!failure) return exitStatus.done;
    const json = words.includes('--json');
    if (isMissingCommand(thrown) && !json) io.stderr(help);
    else io.stderr(errorLine(failure, json));
    return statusOf(failure);
  }
}

function isMissingCommand(thrown: unknown): boolean {
  return thrown instanceof Error && (thrown as CommanderError).code === 'commander.help';
}
