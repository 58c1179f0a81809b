import { Argument, type Command } from 'commander';
import { approvalDurations, approvalScopes } from '../shared/views.ts';
import { promptInTerminal } from './approval-prompt.ts';
import { describeApproval } from './approval-words.ts';
import { oneOf } from './arguments.ts';
import { ask, untilSignal, withInstance } from './instance.ts';
import type { CliIo } from './io.ts';
import { safeJson, shown } from './output.ts';

interface AnswerOptions {
  readonly scope?: (typeof approvalScopes)[number];
  readonly for?: (typeof approvalDurations)[number];
  readonly reason?: string;
  readonly arguments?: string;
}

/** An option's text, or what comes on standard input for `-`. */
async function givenText(text: string): Promise<string> {
  if (text !== '-') return text;
  let read = '';
  for await (const piece of process.stdin.setEncoding('utf8')) read += String(piece);
  return read;
}

/** `approvals …`. */
export function registerApprovalCommands(program: Command, io: CliIo): void {
  const approvals = program.command('approvals').description('Calls that wait for your answer');

  approvals
    .command('list')
    .description('What waits now')
    .action(async () => {
      const { approvals: waiting } = await ask(io, 'approvals.list', {});
      io.print({ approvals: waiting }, () =>
        waiting.length === 0 ? 'Nothing waits for an answer.' : waiting.map(describeApproval).join('\n\n'),
      );
    });

  approvals
    .command('watch')
    .description('What waits now and from now on: prompts to answer in a terminal, elsewhere one JSON object a line')
    .action(async () => {
      await withInstance(io, async (client) => {
        if (io.terminal()) {
          const stop = promptInTerminal(io, client, () => performance.now());
          await untilSignal(io, client).finally(stop);
          return;
        }
        const told = new Set<string>();
        client.subscribe('approvals', (event) => {
          if (event.type === 'opened' && told.has(event.approval.id)) return;
          told.add(event.approval.id);
          io.stdout(`${safeJson(event)}\n`);
          if (event.type === 'closed') told.delete(event.approval.id);
        });
        const { approvals: waiting } = await client.request('approvals.list', {});
        for (const approval of waiting) {
          if (told.has(approval.id)) continue;
          told.add(approval.id);
          io.stdout(`${safeJson({ type: 'opened', approval })}\n`);
        }
        await untilSignal(io, client);
      });
    });

  approvals
    .command('answer')
    .description('Allow or deny what waits')
    .argument('<id>')
    .addArgument(new Argument('<answer>').choices(['allow', 'deny']))
    .option('--scope <scope>', 'what the answer covers: call, arguments or tool (default call)', oneOf(approvalScopes))
    .option('--for <time>', 'how long it counts: once, 15m, session or always (default once)', oneOf(approvalDurations))
    .option('--reason <r>', 'what the agent is told')
    .option('--arguments <json>', 'run it with these arguments instead; - reads them from standard input')
    .action(async (id: string, answer: 'allow' | 'deny', options: AnswerOptions) => {
      const answered = await ask(io, 'approvals.answer', {
        id,
        answer,
        ...(options.scope ? { scope: options.scope } : {}),
        ...(options.for ? { for: options.for } : {}),
        ...(options.reason === undefined ? {} : { reason: options.reason }),
        ...(options.arguments === undefined ? {} : { arguments: await givenText(options.arguments) }),
      });
      io.print(answered, () => `${answered.answer === 'allow' ? 'Allowed' : 'Denied'} ${shown(answered.id)}.`);
    });
}
