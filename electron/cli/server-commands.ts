import { resolve } from 'node:path';
import { Argument, type Command, Option } from 'commander';
import type { RequestInput } from '../shared/contract.ts';
import { type ServerFeature, serverFeatures } from '../shared/features.ts';
import type { ServerView } from '../shared/views.ts';
import { collect, duration } from './arguments.ts';
import { registerDiscoveryCommands } from './discovery-commands.ts';
import { usageError } from './failures.ts';
import { ask } from './instance.ts';
import type { CliIo } from './io.ts';
import { registerOfferCommand } from './offer-command.ts';
import { shellWord, shown, table } from './output.ts';
import { readEnvironment, readHeaders, readSource } from './secret-input.ts';
import { registerSignInCommands } from './sign-in-commands.ts';

interface AddOptions {
  readonly command?: string;
  readonly arg?: string[];
  readonly env?: string[];
  readonly envFile?: string;
  readonly url?: string;
  readonly header?: string[];
  readonly headerFile?: string;
  readonly ca?: string;
}

interface IsolateOptions {
  readonly read?: string[];
  readonly write?: string[];
  readonly network?: boolean;
  readonly environmentOnly?: boolean;
  readonly off?: boolean;
}

/** `servers …`. */
export function registerServerCommands(program: Command, io: CliIo): void {
  const servers = program.command('servers').description('Local MCP servers');

  servers
    .command('list')
    .description('Servers that Sallyport knows')
    .action(async () => {
      const answer = await ask(io, 'servers.list', {});
      io.print(answer, () => describeServers(answer.servers));
    });

  registerDiscoveryCommands(servers, io);

  servers
    .command('add')
    .description('Add a server: a command on this machine, or a URL. Nothing is shared by this')
    .argument('<name>')
    .option('--command <cmd>', 'program to start')
    .option('--arg <a>', 'one argument of it, exactly as it is; may be repeated', collect)
    .option('--env <name[=v]>', 'environment variable; without a value you are asked for it; may be repeated', collect)
    .option('--env-file <file>', 'NAME=VALUE lines; - reads standard input')
    .option('--url <url>', 'address of a server that speaks HTTP')
    .option(
      '--header <name>',
      'header that goes with each request; you are asked for its value; may be repeated',
      collect,
    )
    .option('--header-file <file>', 'Name: value lines; - reads standard input')
    .option('--ca <file>', 'certificates in PEM that the server’s own must come from')
    .action(async (name: string, options: AddOptions) => {
      const added = await ask(io, 'servers.add', await serverSpecOf(io, name, options));
      io.print(
        added,
        () => `Added ${shown(added.name)} as ${added.slug}. Share it: sallyport servers share ${added.slug}`,
      );
    });

  servers
    .command('remove')
    .description('Forget a server; its tokens end')
    .argument('<name>')
    .action(async (name: string) => {
      const { name: removed } = await ask(io, 'servers.remove', { server: name });
      io.print({ name: removed }, () => `Removed ${shown(removed)}.`);
    });

  servers
    .command('isolate')
    .description('Wall a server in: only these folders, no network. It starts anew with its next call')
    .argument('<name>')
    .option('--read <dir>', 'folder that it may read; may be repeated', collect)
    .option('--write <dir>', 'folder that it may read and write; may be repeated', collect)
    .option('--network', 'let it use the network')
    .option('--environment-only', 'only reduce its environment (all that works on macOS and Windows)')
    .option('--off', 'take the walls away')
    .action(async (name: string, options: IsolateOptions) => {
      const { off, read = [], write = [], network = false, environmentOnly = false } = options;
      if (off && (read.length > 0 || write.length > 0 || network || environmentOnly)) {
        throw usageError('--off stands alone.');
      }
      const folders = (list: readonly string[]): string[] => list.map((folder) => resolve(folder));
      const answer = await ask(io, 'servers.isolate', {
        server: name,
        ...(off ? {} : { isolation: { read: folders(read), write: folders(write), network, environmentOnly } }),
      });
      io.print(answer, () => {
        const { isolation } = answer;
        if (!isolation) return `${answer.server} is not isolated: it may do whatever you may.`;
        if (isolation.environmentOnly)
          return `${answer.server} runs with a reduced environment and may otherwise do whatever you may.`;
        const list = (found: readonly string[]): string =>
          found.length === 0 ? 'nothing' : found.map((one) => shown(one)).join(', ');
        return `${answer.server} runs isolated: reads ${list(isolation.read)}, writes ${list(isolation.write)}, ${isolation.network ? 'with' : 'without'} network. Its program and the system's are always readable.`;
      });
    });

  servers
    .command('share')
    .description('Start a server and let agents with a token reach it')
    .argument('<name>')
    .option('--wait <t>', 'how long its start may take (default 60s)', duration)
    .option('--over-own-files', 'although its folder holds Sallyport’s own files; no call may reach these either way')
    .action(async (name: string, options: { wait?: number; overOwnFiles?: boolean }) => {
      const shared = await ask(io, 'servers.share', {
        server: name,
        ...(options.wait === undefined ? {} : { waitMs: options.wait }),
        ...(options.overOwnFiles ? { overOwnFiles: true } : {}),
      });
      io.print(shared, () =>
        [
          `${shown(shared.name)} is shared at ${shown(shared.url)}`,
          table(shared.tools.map((tool) => [`  ${tool.name}`, tool.class, tool.access])),
          `Make a token for an agent: sallyport agents token --server ${shellWord(name)}`,
        ].join('\n'),
      );
    });

  servers
    .command('features')
    .description('Let agents use what a server offers besides tools, or let it ask them; off until switched on here')
    .argument('<name>')
    .addOption(onOrOff('--resources <on|off>', 'its resources: they can be read'))
    .addOption(onOrOff('--prompts <on|off>', 'its prompts'))
    .addOption(onOrOff('--elicitation <on|off>', 'it may ask the person at the agent'))
    .addOption(onOrOff('--sampling <on|off>', 'it may ask the agent’s model'))
    .addOption(onOrOff('--roots <on|off>', 'it may ask which folders the agent works in'))
    .action(async (name: string, options: Partial<Record<ServerFeature, 'on' | 'off'>>) => {
      const ticked = serverFeatures.flatMap((feature) => {
        const value = options[feature];
        return value === undefined ? [] : [[feature, value === 'on'] as const];
      });
      const set = await ask(io, 'servers.features', { server: name, ...Object.fromEntries(ticked) });
      io.print(set, () => `${shown(name)} shares ${['tools', ...set.features].join(', ')}.`);
    });

  registerSignInCommands(servers, io);
  registerOfferCommand(servers, io);

  servers
    .command('private')
    .description('Mark what a server answers as private: a way in whose middle reads does not offer it then')
    .argument('<name>')
    .addArgument(new Argument('<mark>').choices(['on', 'off']))
    .option('--readable', 'offer it there all the same: OpenAI reads its results')
    .action(async (name: string, mark: 'on' | 'off', options: { readable?: boolean }) => {
      const marked = await ask(io, 'servers.private', {
        server: name,
        private: mark === 'on',
        ...(options.readable ? { readable: true } : {}),
      });
      io.print(marked, () => privateWords(shown(name), marked));
    });

  servers
    .command('results')
    .description('What is done with its results: secrets in them, and characters that nobody sees')
    .argument('<name>')
    .addOption(new Option('--secrets <how>', 'mask them (default), or pass them on').choices(['mask', 'pass']))
    .addOption(new Option('--unseen <how>', 'report them (default), or remove them').choices(['report', 'remove']))
    .action(async (name: string, options: { secrets?: 'mask' | 'pass'; unseen?: 'report' | 'remove' }) => {
      const set = await ask(io, 'servers.results', { server: name, ...options });
      io.print(set, () => `${shown(name)}: secrets ${set.secrets}, unseen characters ${set.unseen}.`);
    });

  servers
    .command('unshare')
    .description('Stop sharing a server; calls under way end')
    .argument('<name>')
    .action(async (name: string) => {
      const { name: unshared } = await ask(io, 'servers.unshare', { server: name });
      io.print({ name: unshared }, () => `${shown(unshared)} is no longer shared.`);
    });
}

function onOrOff(flags: string, description: string): Option {
  return new Option(flags, description).choices(['on', 'off']);
}

async function serverSpecOf(io: CliIo, name: string, options: AddOptions): Promise<RequestInput<'servers.add'>> {
  const { command, url, arg } = options;
  if ((command === undefined) === (url === undefined)) {
    throw usageError('A server is either --command CMD or --url URL.', 'See sallyport servers add --help.');
  }
  if (url !== undefined) {
    if (arg || options.env || options.envFile !== undefined) {
      throw usageError('--arg, --env and --env-file belong to --command.', 'See sallyport servers add --help.');
    }
    const headers = await readHeaders(io, options);
    return {
      name,
      url,
      ...(Object.keys(headers).length > 0 ? { headers } : {}),
      ...(options.ca === undefined ? {} : { ca: await readSource(io, options.ca) }),
    };
  }
  if (options.header || options.headerFile !== undefined || options.ca !== undefined) {
    throw usageError('--header, --header-file and --ca belong to --url.', 'See sallyport servers add --help.');
  }
  const env = await readEnvironment(io, options);
  return {
    name,
    ...(command === undefined ? {} : { command }),
    ...(arg ? { args: arg } : {}),
    ...(Object.keys(env).length > 0 ? { env } : {}),
  };
}

function privateWords(name: string, marked: { private: boolean; readable: boolean }): string {
  if (!marked.private) return `${name} is not marked private.`;
  return marked.readable
    ? `${name} is marked private, and offered all the same where the middle reads: OpenAI can read its results.`
    : `${name} is marked private: it is not offered by a way in whose middle reads.`;
}

function describeServers(servers: readonly ServerView[]): string {
  if (servers.length === 0) return 'No servers yet. Add one: sallyport servers add NAME --command CMD';
  return table(
    servers.map((server) => [
      server.slug,
      server.name,
      server.kind,
      `${server.shared ? 'shared' : 'not shared'}${server.private ? ', private' : ''}`,
      server.state,
      `${server.tools.exposed} of ${server.tools.total} tools`,
      [server.publicUrl ?? server.lastError ?? '', ...(server.ca ?? []).map(({ subject }) => `trusts only ${subject}`)]
        .filter(Boolean)
        .join('; '),
    ]),
    120,
  );
}
