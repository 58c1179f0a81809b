import { Argument, type Command } from 'commander';
import { type ToolAccess, toolAccesses } from '../shared/call.ts';
import { ask } from './instance.ts';
import type { CliIo } from './io.ts';
import { shown, table } from './output.ts';

/** `tools …`. */
export function registerToolCommands(program: Command, io: CliIo): void {
  const tools = program.command('tools').description('What a shared server exposes');

  tools
    .command('list')
    .description('Tools of a server, with their class and access')
    .argument('<server>')
    .action(async (server: string) => {
      const answer = await ask(io, 'tools.list', { server });
      io.print(answer, () =>
        answer.tools.length === 0
          ? 'No tools known yet. They are read when the server is shared.'
          : table(answer.tools.map((tool) => [tool.name, tool.class, tool.access, tool.state, tool.why])),
      );
    });

  tools
    .command('set')
    .description('Let a tool run, ask first, or switch it off')
    .argument('<server>')
    .argument('<tool>')
    .addArgument(new Argument('<access>').choices([...toolAccesses]))
    .action(async (server: string, tool: string, access: ToolAccess) => {
      const answer = await ask(io, 'tools.set', { server, tool, access });
      io.print(answer, () => `${shown(answer.tool.name)} on ${answer.server}: ${answer.tool.access}.`);
    });
}
