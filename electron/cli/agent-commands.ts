import type { Command } from 'commander';
import type { AgentView } from '../shared/views.ts';
import { collect, duration } from './arguments.ts';
import { notYet } from './failures.ts';
import { ask } from './instance.ts';
import type { CliIo } from './io.ts';
import { counted, shown, table } from './output.ts';

interface TokenOptions {
  readonly server: string;
  readonly name?: string;
  readonly ttl?: number;
  readonly tool?: string[];
}

/** `agents …`. */
export function registerAgentCommands(program: Command, io: CliIo): void {
  const agents = program.command('agents').description('Who can use what is shared');

  agents
    .command('list')
    .description('Agents with what they hold')
    .action(async () => {
      const answer = await ask(io, 'agents.list', {});
      io.print(answer, () => describeAgents(answer.agents));
    });

  agents
    .command('token')
    .description('Make a bearer token for one shared server; it is shown once')
    .requiredOption('--server <s>', 'the shared server')
    .option('--name <n>', 'what to call the agent')
    .option('--ttl <t>', 'how long it is good for (default 30d)', duration)
    .option('--tool <t>', 'only this tool; may be repeated', collect)
    .action(async (options: TokenOptions) => {
      const { server, name, ttl, tool } = options;
      const made = await ask(io, 'agents.token', {
        server,
        ...(name === undefined ? {} : { name }),
        ...(ttl === undefined ? {} : { ttlMs: ttl }),
        ...(tool ? { tools: tool } : {}),
      });
      io.print(made, () =>
        [
          table(
            [
              ['token', made.token],
              ['for', made.resource],
              ['until', made.expiresAt],
              ['id', made.id],
            ],
            200,
          ),
          `It is not shown again. Revoke it: sallyport agents revoke ${made.id}`,
        ].join('\n'),
      );
    });

  agents
    .command('revoke')
    .description('End a token or everything that an agent holds')
    .argument('<id>')
    .action(async (id: string) => {
      const revoked = await ask(io, 'agents.revoke', { id });
      io.print(revoked, () => `Revoked ${shown(revoked.id)}.`);
    });

  agents
    .command('let-in')
    .description('Let a new agent ask for access for a while')
    .option('--for <t>', 'how long (default 10m)', duration)
    .action(() => {
      throw notYet('agents let-in');
    });
}

function describeAgents(agents: readonly AgentView[]): string {
  if (agents.length === 0) return 'No agents yet. Make a token: sallyport agents token --server NAME';
  return table(
    agents.flatMap((agent) =>
      agent.grants.map((grant) => [
        grant.id,
        agent.name,
        agent.kind,
        grant.server,
        grant.scope,
        `until ${grant.expiresAt}`,
        grant.lastUsedAt ? `last used ${grant.lastUsedAt}` : 'never used',
        `${counted(agent.callsToday, 'call')} today`,
      ]),
    ),
  );
}
