import type { Command } from 'commander';
import { SallyportError } from '../shared/errors.ts';
import type { ServerView } from '../shared/views.ts';
import { usageError } from './failures.ts';
import { ask } from './instance.ts';
import type { CliIo } from './io.ts';
import { shown, table } from './output.ts';

interface ApproveOptions {
  readonly prompt?: string;
  readonly template?: string;
  readonly instructions?: true;
  readonly pin?: string;
}

/** `servers approve`: what a server offers besides tools, and is new or changed. */
export function registerOfferCommand(servers: Command, io: CliIo): void {
  servers
    .command('approve')
    .description('Show prompts, templates and instructions of a server that are new or changed, or approve one')
    .argument('<name>')
    .option('--prompt <p>', 'approve this prompt')
    .option('--template <t>', 'approve this resource template, by its address')
    .option('--instructions', 'approve the instructions')
    .option('--pin <pin>', 'only if it is still this one')
    .action(async (name: string, options: ApproveOptions) => {
      const { servers: all } = await ask(io, 'servers.list', {});
      const server = all.find((one) => one.name === name || one.slug === name);
      if (!server) throw new SallyportError('server_not_found', 'server', `There is no server named "${shown(name)}".`);
      const waiting = server.offers ?? [];
      const wanted = wantedOf(options);
      if (!wanted) {
        io.print({ server: server.slug, waiting }, () => described(waiting));
        return;
      }
      const found = waiting.find((one) => one.kind === wanted.kind && one.name === wanted.name);
      const pin = options.pin ?? found?.pin;
      if (!found || pin === undefined) {
        throw new SallyportError('offer_not_found', 'policy', 'Nothing of that name waits for approval.', {
          hint: 'See what does: sallyport servers approve NAME.',
        });
      }
      const done = await ask(io, 'servers.approveOffer', { server: server.slug, ...wanted, pin });
      io.print(done, () => `Approved ${wanted.kind === 'instructions' ? 'the instructions' : shown(wanted.name)}.`);
    });
}

type Waiting = NonNullable<ServerView['offers']>;

function wantedOf(options: ApproveOptions): Pick<Waiting[number], 'kind' | 'name'> | undefined {
  const wanted = [
    ...(options.prompt === undefined ? [] : [{ kind: 'prompt' as const, name: options.prompt }]),
    ...(options.template === undefined ? [] : [{ kind: 'template' as const, name: options.template }]),
    ...(options.instructions ? [{ kind: 'instructions' as const, name: '' }] : []),
  ];
  if (wanted.length > 1) throw usageError('Approve one thing at a time.', 'See sallyport servers approve --help.');
  return wanted[0];
}

function described(waiting: Waiting): string {
  if (waiting.length === 0) return 'Nothing waits for approval.';
  return table(
    waiting.map(({ kind, name, state, text }) => [kind, name, state, text]),
    200,
  );
}
