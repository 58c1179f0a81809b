import { Argument, type Command } from 'commander';
import type { AgentView, ConsentView, DoorView } from '../shared/views.ts';
import { collect, duration } from './arguments.ts';
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
    .command('pause')
    .description('Stop one agent until you resume it; its tokens stay valid')
    .argument('<id>')
    .option('--reason <r>', 'why, for yourself')
    .action(async (id: string, { reason }: { reason?: string }) => {
      const paused = await ask(io, 'agents.pause', { id, ...(reason === undefined ? {} : { reason }) });
      io.print(paused, () => `${shown(paused.id)} is paused since ${paused.at}.`);
    });

  agents
    .command('resume')
    .description('Let a paused agent go on; its budgets count anew')
    .argument('<id>')
    .action(async (id: string) => {
      const resumed = await ask(io, 'agents.resume', { id });
      io.print(resumed, () => `${shown(resumed.id)} may go on.`);
    });

  agents
    .command('let-in')
    .description('Let one new agent ask for access for a while')
    .option('--for <t>', 'how long, at most 1h (default 10m)', duration)
    .option('--close', 'let nobody ask any more')
    .action(async (options: { for?: number; close?: boolean }) => {
      const forMs = options.close ? 0 : options.for;
      const door = await ask(io, 'agents.letIn', forMs === undefined ? {} : { forMs });
      io.print(door, () => describeDoor(door));
    });

  agents
    .command('requests')
    .description('Agents that ask for access now, each with the code for its page')
    .action(async () => {
      const { consents, door } = await ask(io, 'consents.list', {});
      io.print({ requests: consents, door }, () => [describeDoor(door), ...consents.map(describeConsent)].join('\n\n'));
    });

  agents
    .command('answer')
    .description('Answer an agent that asks for access')
    .argument('<id>')
    .addArgument(new Argument('<answer>').choices(['allow', 'reads', 'deny', 'block']))
    .option('--tool <t>', 'allow only this tool; may be repeated', collect)
    .action(async (id: string, answer: 'allow' | 'reads' | 'deny' | 'block', { tool }: { tool?: string[] }) => {
      const answered = await ask(io, 'consents.answer', {
        id,
        answer: answer === 'reads' ? 'allow' : answer,
        tools: tool ?? (answer === 'reads' ? 'reads' : 'all'),
      });
      io.print(answered, () =>
        answered.code === undefined
          ? 'Denied.'
          : `Allowed. Type this into the browser page that waits: ${spaced(answered.code)}`,
      );
    });

  agents
    .command('rename')
    .description('Call an agent by a name of your own, in lists, prompts and the log')
    .argument('<id>', 'of the agent, or of something that it holds')
    .argument('<name>')
    .action(async (id: string, name: string) => {
      const renamed = await ask(io, 'agents.rename', { id, name });
      io.print(renamed, () => `${shown(renamed.id)} is called ${shown(renamed.name)} now.`);
    });

  agents
    .command('narrow')
    .description('Narrow a grant or a token to its reads, or to some of its tools')
    .argument('<id>', 'of the grant or token')
    .option('--tool <t>', 'keep this tool; may be repeated; without it: reads', collect)
    .action(async (id: string, { tool }: { tool?: string[] }) => {
      const narrowed = await ask(io, 'agents.narrow', { id, tools: tool ?? 'reads' });
      io.print(narrowed, () => `${shown(narrowed.id)} covers ${shown(narrowed.scope)} now.`);
    });

  agents
    .command('unblock')
    .description('Let a blocked agent ask again')
    .argument('<id>')
    .action(async (id: string) => {
      const door = await ask(io, 'agents.unblock', { id });
      io.print(door, () => `${shown(id)} may ask again.`);
    });
}

function describeDoor(door: DoorView): string {
  const open = door.openUntil ? `One new agent may ask until ${door.openUntil}.` : 'No new agent may ask now.';
  const refused = door.refused > 0 ? ` ${counted(door.refused, 'attempt')} refused unheard.` : '';
  const blocked = door.blocked.map(({ id, name }) => `\nblocked: ${shown(name)} (${shown(id)})`).join('');
  return `${open}${refused}${blocked}`;
}

function describeConsent(consent: ConsentView): string {
  const { client, tools } = consent;
  const reads = tools.filter((tool) => tool.class === 'read').length;
  return table(
    [
      [
        consent.id,
        `${client.name} ${client.verified ? `(${client.host})` : '(unverified)'} wants to use ${consent.server}`,
      ],
      ['could', `${counted(reads, 'tool')} that read, ${counted(tools.length - reads, 'tool')} that change things`],
      ['returns to', consent.redirectHost],
      ['until', consent.until],
      ['code', `${spaced(consent.code)}  (allowing alone releases nothing: type it into the page that waits)`],
    ],
    200,
  );
}

function spaced(code: string): string {
  return `${code.slice(0, 3)} ${code.slice(3)}`;
}

function describeAgents(agents: readonly AgentView[]): string {
  if (agents.length === 0) return 'No agents yet. Make a token: sallyport agents token --server NAME';
  return table(
    agents.flatMap((agent) => [
      ...(agent.seen
        ? [
            [
              '',
              agent.name,
              'not verified',
              agent.seen.servers.join(' '),
              '',
              '',
              `last used ${agent.seen.at}`,
              `${counted(agent.callsToday, 'call')} today`,
            ],
          ]
        : []),
      ...agent.grants.map((grant) => [
        grant.id,
        agent.name,
        agent.kind,
        grant.server,
        grant.scope,
        `until ${grant.expiresAt}`,
        grant.lastUsedAt ? `last used ${grant.lastUsedAt}` : 'never used',
        `${counted(agent.callsToday, 'call')} today`,
        agent.paused ? `paused since ${agent.paused.at}: ${shown(agent.paused.why)}` : '',
      ]),
    ]),
  );
}
