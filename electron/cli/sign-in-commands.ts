import { createInterface } from 'node:readline/promises';
import type { Command } from 'commander';
import type { RequestOutput } from '../shared/contract.ts';
import { wholeNumber } from './arguments.ts';
import { ask } from './instance.ts';
import type { CliIo } from './io.ts';
import { shellWord, shown } from './output.ts';
import { readSource } from './secret-input.ts';

interface AuthorizeOptions {
  readonly agree?: string;
  readonly clientId?: string;
  readonly clientSecretFile?: string;
  readonly port?: number;
  readonly wait: boolean;
}

/** `servers authorize` and `servers sign-out`. */
export function registerSignInCommands(servers: Command, io: CliIo): void {
  servers
    .command('authorize')
    .description('Sign Sallyport in at a server that wants that: shows where and for what, then asks')
    .argument('<name>')
    .option('--agree <digest>', 'go on with what was shown under this digest, without being asked')
    .option('--client-id <id>', 'client that you registered there by hand')
    .option('--client-secret-file <file>', 'its secret; - reads standard input')
    .option(
      '--port <n>',
      'loopback port that its redirect http://127.0.0.1:PORT/callback names',
      wholeNumber(1, 65_535),
    )
    .option('--no-wait', 'print the page to open and end')
    .action(async (name: string, options: AuthorizeOptions) => {
      const secret = options.clientSecretFile;
      const consent = await ask(io, 'servers.authorize', {
        server: name,
        ...(options.clientId === undefined ? {} : { clientId: options.clientId }),
        ...(secret === undefined ? {} : { clientSecret: (await readSource(io, secret)).trim() }),
        ...(options.port === undefined ? {} : { port: options.port }),
      });
      if (consent.step !== 'consent') return;
      const agreed = options.agree ?? (await agreement(io, consent, name));
      if (agreed === undefined) {
        io.print(consent, () =>
          [
            ...described(consent, name),
            `Go on: sallyport servers authorize ${shellWord(name)} --agree ${consent.digest}`,
          ].join('\n'),
        );
        return;
      }
      const page = await ask(io, 'servers.authorize', { server: name, agree: agreed });
      if (page.step !== 'browser') return;
      if (!options.wait) {
        io.print(page, () => page.url);
        return;
      }
      io.stderr(`Open this page in your browser on this machine:\n${shown(page.url)}\n`);
      const done = await ask(io, 'servers.authorized', { server: name });
      io.print(done, () => `Signed in to ${shown(name)}.`);
    });

  servers
    .command('sign-out')
    .description('Give Sallyport’s own tokens at a server back and forget them')
    .argument('<name>')
    .action(async (name: string) => {
      const done = await ask(io, 'servers.signOut', { server: name });
      io.print(done, () => `Signed out of ${shown(name)}.`);
    });
}

type Consent = Extract<RequestOutput<'servers.authorize'>, { step: 'consent' }>;

function described(consent: Consent, name: string): string[] {
  return [
    `${shown(name)} wants you to sign in at ${shown(consent.issuer)}`,
    ...(consent.page === consent.issuer ? [] : [`  the page is at ${shown(consent.page)}`]),
    `  for: ${consent.scopes.length > 0 ? shown(consent.scopes.join(' ')) : 'what it gives by default'}`,
    ...(consent.resource === undefined ? [] : [`  to be used at ${shown(consent.resource)}`]),
  ];
}

/** Asks at a terminal; undefined where there is none. */
async function agreement(io: CliIo, consent: Consent, name: string): Promise<string | undefined> {
  if (!io.stdin.isTTY || io.json()) return undefined;
  io.stderr(`${described(consent, name).join('\n')}\n`);
  const lines = createInterface({ input: io.stdin });
  try {
    io.stderr('Open that page? [y/N] ');
    const answer = (await lines[Symbol.asyncIterator]().next()).value as string | undefined;
    return /^y(?:es)?$/i.test(answer?.trim() ?? '') ? consent.digest : undefined;
  } finally {
    lines.close();
  }
}
