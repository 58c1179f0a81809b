import { resolve } from 'node:path';
import type { Command } from 'commander';
import { Option } from 'commander';
import type { RequestInput } from '../shared/contract.ts';
import { usageError } from './failures.ts';
import { ask } from './instance.ts';
import type { CliIo } from './io.ts';
import { shown, table } from './output.ts';
import { promptSecret, readSource } from './secret-input.ts';

/** Options of `tunnel use anthropic --api`. */
export interface ApiOptions {
  readonly api?: boolean;
  readonly apiTokenFile?: string;
  readonly identityTokenFile?: string;
  readonly federationRule?: string;
  readonly organization?: string;
  readonly serviceAccount?: string;
  readonly workspace?: string;
  readonly tunnel?: string;
  readonly displayName?: string;
  readonly apiUrl?: string;
  readonly apiGeneration?: 'workspace' | 'organization';
}

/** What `tunnel use anthropic` was given for the API. */
export type ApiInput = NonNullable<NonNullable<RequestInput<'tunnel.use'>['anthropic']>['api']>;

/** Adds the options of the API to `tunnel use`. */
export function addApiOptions(command: Command): Command {
  return command
    .option('--api', 'for anthropic: make or attach the tunnel by Anthropic’s Tunnels API')
    .option('--api-token-file <file>', 'with --api: a token that may manage tunnels; - reads standard input')
    .option(
      '--identity-token-file <file>',
      'with --api: this workload’s OIDC token, read anew each time; - reads it once',
    )
    .option('--federation-rule <id>', 'with --identity-token-file: fdrl_…')
    .option('--service-account <id>', 'with --identity-token-file')
    .option('--workspace <id>', 'with --identity-token-file: wrkspc_… or default')
    .option('--display-name <name>', 'with --api: name of a tunnel that is made')
    .option('--api-url <origin>', 'with --api: the API, if it is not api.anthropic.com')
    .addOption(
      new Option('--api-generation <generation>', 'with --api: organization = the older API').choices([
        'workspace',
        'organization',
      ]),
    );
}

/**
 * What was given for the API, `undefined` without `--api`. The credential comes from a file, standard input or a prompt;
 * where none of them is there, the one that is stored serves.
 * @throws SallyportError `usage`, `file_unreadable`
 */
export async function apiChoiceOf(io: CliIo, options: ApiOptions): Promise<ApiInput | undefined> {
  const { apiTokenFile, identityTokenFile, federationRule, organization, serviceAccount, workspace } = options;
  if (options.api !== true) {
    const stray = apiTokenFile ?? identityTokenFile ?? federationRule ?? options.apiUrl ?? options.apiGeneration;
    if (stray !== undefined) throw usageError('Options of the API need --api.');
    return undefined;
  }
  if (apiTokenFile !== undefined && identityTokenFile !== undefined) {
    throw usageError('Give --api-token-file or --identity-token-file, not both.');
  }
  const { tunnel, displayName: name, apiUrl: url, apiGeneration: generation } = options;
  const federated = identityTokenFile !== undefined || federationRule !== undefined;
  if (federated && (federationRule === undefined || organization === undefined || identityTokenFile === undefined)) {
    throw usageError('Federation needs --identity-token-file, --federation-rule and --organization.');
  }
  const chosen = {
    ...(url === undefined ? {} : { url }),
    ...(generation === undefined ? {} : { generation }),
    ...(tunnel === undefined ? {} : { tunnel: tunnel as 'new' }),
    ...(name === undefined ? {} : { name }),
  };
  if (federationRule !== undefined && organization !== undefined && identityTokenFile !== undefined) {
    const identity =
      identityTokenFile === '-'
        ? { identityToken: (await readSource(io, '-')).trim() }
        : // The app has another working directory.
          { identityFile: resolve(identityTokenFile) };
    return {
      ...chosen,
      federation: {
        rule: federationRule,
        organization,
        ...(serviceAccount === undefined ? {} : { serviceAccount }),
        ...(workspace === undefined ? {} : { workspace }),
        ...identity,
      },
    };
  }
  const token = (await tokenOf(io, apiTokenFile))?.trim();
  return { ...chosen, ...(token === undefined || token === '' ? {} : { token }) };
}

async function tokenOf(io: CliIo, file: string | undefined): Promise<string | undefined> {
  if (file !== undefined) return await readSource(io, file);
  if (!io.stdin.isTTY) return undefined;
  return await promptSecret(io, 'Token of the Tunnels API (empty: as stored)', '--api-token-file FILE');
}

/** `tunnel api …`: what is at Anthropic. */
export function registerApiCommands(tunnel: Command, io: CliIo): void {
  const api = tunnel.command('api').description('The tunnels at Anthropic, by its Tunnels API');
  api
    .command('list')
    .description('Tunnels, and the authorities that the one in use trusts')
    .action(async () => {
      const remote = await ask(io, 'tunnel.remote', {});
      io.print(remote, () =>
        [
          table(
            remote.tunnels.map((one) => [
              one.chosen ? '* ' : '  ',
              one.id,
              one.domain,
              shown(one.name ?? ''),
              one.archivedAt === undefined ? '' : 'archived',
            ]),
          ),
          table(remote.certificates.map((one) => ['  ', one.id, one.fingerprint, one.ours ? 'this machine' : ''])),
        ]
          .filter((part) => part !== '')
          .join('\n'),
      );
    });
  const change = async (input: RequestInput<'tunnel.remoteChange'>, words: string): Promise<void> => {
    const status = await ask(io, 'tunnel.remoteChange', input);
    io.print(status, () => words);
  };
  api
    .command('rotate-token')
    .description('Have a new token made and take it into use; what is connected stays where it can')
    .option('--reason <text>', 'noted at Anthropic')
    .action(async ({ reason }: { reason?: string }) => {
      await change({ do: 'rotate-token', ...(reason === undefined ? {} : { reason }) }, 'The token was rotated.');
    });
  api
    .command('archive')
    .description('Archive a tunnel that is not in use. This cannot be undone')
    .argument('<tunnel>')
    .action(async (id: string) => {
      await change({ do: 'archive', id }, `${id} was archived.`);
    });
  api
    .command('archive-certificate')
    .description('Have the tunnel trust an authority no more')
    .argument('<certificate>')
    .action(async (id: string) => {
      await change({ do: 'archive-certificate', id }, `${id} was archived.`);
    });
}
