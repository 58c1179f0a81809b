import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { RequestInput } from '../shared/contract.ts';
import { SallyportError } from '../shared/errors.ts';
import type { NetworkView } from '../shared/views.ts';
import { usageError } from './failures.ts';
import { ask } from './instance.ts';
import type { CliIo } from './io.ts';
import { shown } from './output.ts';
import { looksLikeSecret, promptSecret, readSource } from './secret-input.ts';

type Change = RequestInput<'tunnel.networkUse'>;

interface SetOptions {
  readonly proxy?: string;
  readonly proxyUser?: string;
  readonly proxyPasswordFile?: string;
  readonly bypass?: string;
  readonly caFile?: string;
}

/** `tunnel network …`: by which proxy this machine gets out, and which CAs vouch for it. */
export function registerNetworkCommands(tunnel: Command, io: CliIo): void {
  const network = tunnel
    .command('network')
    .description('How this machine gets out: proxy and CAs, and who names them')
    .action(async () => show(io, await ask(io, 'tunnel.network', {})));

  network
    .command('set')
    .description('Name them here, before what the environment names; the tunnel connects anew')
    .option('--proxy <url>', 'http://HOST:PORT or https://HOST:PORT; direct = none, whatever the environment says')
    .option('--proxy-user <name>', 'the proxy’s user; the password is asked for')
    .option('--proxy-password-file <file>', 'the proxy’s password; - reads standard input')
    .option('--bypass <list>', 'what is reached directly, written like NO_PROXY')
    .option('--ca-file <file>', 'CAs in PEM of a proxy or of a network that inspects TLS')
    .action(async (options: SetOptions) => show(io, await ask(io, 'tunnel.networkUse', await changeOf(io, options))));

  network
    .command('reset')
    .description('Leave all of it to the environment again')
    .action(async () => {
      const nothing: Change = { proxy: null, credentials: null, noProxy: null, caFile: null };
      show(io, await ask(io, 'tunnel.networkUse', nothing));
    });
}

async function changeOf(io: CliIo, options: SetOptions): Promise<Change> {
  const { proxy, proxyUser: user, proxyPasswordFile: file, bypass, caFile } = options;
  if (Object.keys(options).length === 0)
    throw usageError('Nothing to set.', 'See sallyport tunnel network set --help.');
  if (proxy !== undefined && looksLikeSecret('', proxy)) {
    throw new SallyportError(
      'secret_in_arguments',
      'app',
      'The proxy’s address holds credentials, and arguments can be read by every program.',
      { hint: 'Leave them out and use --proxy-user NAME: the password is asked for.' },
    );
  }
  if (file !== undefined && user === undefined) throw usageError('--proxy-password-file needs --proxy-user.');
  const password =
    user === undefined
      ? undefined
      : file === undefined
        ? await promptSecret(io, `Password of ${user}`, '--proxy-password-file FILE, or - for standard input')
        : (await readSource(io, file)).replace(/\r?\n$/, '');
  return {
    ...(proxy === undefined ? {} : { proxy }),
    ...(user === undefined || password === undefined ? {} : { credentials: { user, password } }),
    ...(bypass === undefined ? {} : { noProxy: bypass }),
    ...(caFile === undefined ? {} : { caFile: resolve(caFile) }),
  };
}

function show(io: CliIo, view: NetworkView): void {
  io.print(view, () =>
    [
      view.proxy
        ? `Proxy ${shown(view.proxy.address)}${view.proxy.credentials ? ', with credentials' : ''} (${view.proxy.from})`
        : view.direct
          ? 'No proxy (settings)'
          : 'No proxy',
      ...(view.noProxy ? [`Reached directly: ${shown(view.noProxy.list)} (${view.noProxy.from})`] : []),
      ...(view.caFile ? [`CAs besides the system’s: ${shown(view.caFile.path)} (${view.caFile.from})`] : []),
    ].join('\n'),
  );
}
