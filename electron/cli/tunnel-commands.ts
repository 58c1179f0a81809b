import { X509Certificate } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Argument, type Command, Option } from 'commander';
import * as z from 'zod';
import { certificateFingerprint } from '../core/tunnel/pki/fingerprint.ts';
import { forwardChoice } from '../shared/contract/tunnel-requests.ts';
import type { RequestInput, RequestOutput } from '../shared/contract.ts';
import { SallyportError } from '../shared/errors.ts';
import { type TunnelView, ways } from '../shared/views.ts';
import { addApiOptions, registerApiCommands } from './anthropic-api-options.ts';
import { anthropicChoiceOf, type UseOptions } from './anthropic-options.ts';
import { registerCertificateCommands } from './certificate-commands.ts';
import { exitStatus, usageError } from './failures.ts';
import { ask, askOr } from './instance.ts';
import type { CliIo } from './io.ts';
import { registerNetworkCommands } from './network-commands.ts';
import { type OpenAiOptions, readOpenAiChoice } from './openai-input.ts';
import { shown, table } from './output.ts';
import { promptSecret, readSource } from './secret-input.ts';
import { registerImportCommand } from './tunnel-import.ts';
import { registerRecordCommand } from './tunnel-record.ts';

/** `tunnel …`. */
export function registerTunnelCommands(program: Command, io: CliIo): void {
  const tunnel = program.command('tunnel').description('The way in');

  tunnel
    .command('status')
    .description('The way in, its connections, and what the middle can see')
    .action(async () => {
      const status = await ask(io, 'tunnel.status', {});
      io.print(status, () => describeTunnel(status));
    });

  addApiOptions(tunnel.command('use').description('Choose the way in'))
    .addArgument(new Argument('<way>').choices([...ways]))
    .argument('[more...]')
    .option('--join-file <file>', 'for edge: the line that `sallyport edge invite` printed; - reads standard input')
    .option('--name <host>', 'for forward: the public name that your forwarder brings')
    .option('--port <port>', 'for forward: the public port, if it is not 443')
    .option('--tunnel <id>', 'for openai: the tunnel id; for anthropic with --api: the tunnel to attach, or new')
    .option('--key-file <file>', 'for openai: the runtime key; - reads standard input')
    .option('--main <server>', 'for openai: the shared server that ChatGPT reaches (channel main)')
    .addOption(
      new Option(
        '--access <who>',
        'for openai: oauth = agents need a token of Sallyport; tunnel = whoever OpenAI lets in',
      ).choices(['oauth', 'tunnel']),
    )
    .option(
      '--organization <id>',
      'for openai: the organization that owns the tunnel; for anthropic: that of the federation rule',
    )
    .option('--base-url <origin>', 'for openai: the control plane, if it is not api.openai.com')
    .option('--domain <domain>', 'for anthropic: the tunnel’s domain, as the Console shows it')
    .option('--token-file <file>', 'for anthropic: file with the tunnel’s token; - reads standard input')
    .addOption(
      new Option('--mode <mode>', 'for anthropic: who holds the connections').choices([
        'cloudflared',
        'listener',
        'native',
      ]),
    )
    .option('--listen <port>', 'for anthropic: loopback port at which cloudflared hands over')
    .option('--cloudflared <file>', 'for anthropic: the cloudflared to run, if not the one on the PATH')
    .option('--edge <address...>', 'for anthropic: HOST:PORT of the tunnel’s edge in place of those found by DNS')
    .addOption(
      new Option(
        '--protocol <protocol>',
        'for anthropic: of the cloudflared; auto = QUIC where UDP gets through',
      ).choices(['http2', 'quic', 'auto']),
    )
    .option('--edge-ca <file>', 'for anthropic: CA that the tunnel’s edge is checked against')
    .allowUnknownOption()
    .action(async (way: (typeof ways)[number], more: string[], options: UseOptions & OpenAiOptions) => {
      const status = await ask(io, 'tunnel.use', await choiceFor(io, way, more, options));
      io.print(status, () => describeTunnel(status));
    });

  const ca = tunnel
    .command('ca')
    .description('Certificate that agents must trust')
    .action(async () => {
      const authority = await askOr(
        io,
        (client) => client.request('tunnel.ca', {}),
        () => readAuthority(io.dataDir()),
      );
      io.print(authority, () => authority.pem.trimEnd());
    });

  ca.command('rotate')
    .description('Change the authority: agents trust both from begin to finish')
    .addArgument(new Argument('<step>').choices(['begin', 'switch', 'finish', 'cancel']))
    .action(async (step: RequestInput<'tunnel.caRotate'>['step']) => {
      const authority = await ask(io, 'tunnel.caRotate', { step });
      io.print(authority, () => `${rotationWords[step]}\n${authority.pem.trimEnd()}`);
    });

  tunnel
    .command('probe')
    .description('Send a real request through the public door; exit status 5 if it fails')
    .action(async () => {
      const probe = await ask(io, 'tunnel.probe', {});
      io.print(probe, () =>
        probe.ok
          ? `Answered in ${probe.ms} ms${probe.from === 'here' ? ', from this machine: not proven from outside' : ''}.${probe.detail === undefined ? '' : ` ${shown(probe.detail)}`}`
          : `Failed at ${probe.hop ?? 'unknown'}: ${shown(probe.detail ?? '')}`,
      );
      if (!probe.ok) io.status(exitStatus.foundWrong);
    });

  registerCertificateCommands(tunnel, io);
  registerNetworkCommands(tunnel, io);
  registerImportCommand(tunnel, io);
  registerRecordCommand(tunnel, io);
  registerApiCommands(tunnel, io);
}

/** What the person chose, with what the way needs the first time. */
async function choiceFor(
  io: CliIo,
  way: (typeof ways)[number],
  more: readonly string[],
  options: UseOptions & OpenAiOptions,
): Promise<RequestInput<'tunnel.use'>> {
  if (way === 'openai') return { way, openai: await readOpenAiChoice(io, more, options) };
  if (way === 'forward') return forwardChoiceOf(more, options);
  if (options.name !== undefined || options.port !== undefined) {
    throw usageError('--name and --port belong to the way "forward".');
  }
  if (way !== 'anthropic') return await choiceOf(io, way, more, options.joinFile);
  if (more.length > 0) throw usageError('Nothing more belongs after "anthropic".');
  return { way, anthropic: await anthropicChoiceOf(io, options) };
}

/** The public name and port; without a name those that are kept. */
function forwardChoiceOf(more: readonly string[], options: UseOptions): RequestInput<'tunnel.use'> {
  if (more.length > 0) throw usageError('Nothing more belongs after "forward".', 'Name it: --name HOST [--port 443].');
  const port = options.port === undefined ? undefined : Number(options.port);
  if (port !== undefined && !(Number.isInteger(port) && port >= 1 && port <= 65_535)) {
    throw usageError('--port takes a port from 1 to 65535.');
  }
  if (options.name === undefined) {
    if (port !== undefined) throw usageError('--port needs --name as well.');
    return { way: 'forward' };
  }
  if (!forwardChoice.shape.host.safeParse(options.name).success) {
    throw usageError('--name takes a DNS name, not an address.', 'It is what agents will type: box.example.net');
  }
  return { way: 'forward', forward: { host: options.name, ...(port === undefined ? {} : { port }) } };
}

async function choiceOf(
  io: CliIo,
  way: 'embedded' | 'edge',
  more: readonly string[],
  joinFile: string | undefined,
): Promise<RequestInput<'tunnel.use'>> {
  if (more.some((word) => word.includes('sallyport-join:'))) {
    throw new SallyportError(
      'secret_in_arguments',
      'app',
      'The join line is a secret, and arguments can be read by every program.',
      {
        hint: 'Leave it out to be asked for it, or use --join-file FILE, or --join-file - for standard input.',
      },
    );
  }
  if (more.length > 0) throw usageError(`Nothing more belongs after "${way}".`, 'See sallyport tunnel use --help.');
  if (way === 'embedded') {
    if (joinFile !== undefined) throw usageError('--join-file belongs to the way "edge".');
    return { way };
  }
  const join =
    joinFile === undefined
      ? await promptSecret(io, 'Join line of the edge', '--join-file FILE, or --join-file - for standard input')
      : await readSource(io, joinFile);
  if (join.trim() === '') throw usageError('The join line is empty.', 'Get one at the edge: sallyport edge invite');
  return { way, join: join.trim() };
}

/** What to do after each step. */
const rotationWords: Record<RequestInput<'tunnel.caRotate'>['step'], string> = {
  begin: 'The next authority is made. Give agents both of these, then: sallyport tunnel ca rotate switch',
  switch: 'The next authority signs now. When every agent has it: sallyport tunnel ca rotate finish',
  finish: 'The old authority is let go of. Agents need this one alone:',
  cancel: 'The next authority is taken back. Agents need this one alone:',
};

const settingsDomain = z.object({ tunnel: z.object({ domain: z.string().regex(/^[A-Za-z0-9.-]{1,253}$/) }) });

/** The CA from the files, for when no instance runs. */
function readAuthority(dataDir: string): RequestOutput<'tunnel.ca'> {
  let domain = 'localhost';
  try {
    domain = settingsDomain.parse(JSON.parse(readFileSync(join(dataDir, 'settings.json'), 'utf8'))).tunnel.domain;
  } catch {
    // No settings yet: the embedded edge's domain.
  }
  try {
    const pem = readFileSync(join(dataDir, 'pki', `${domain}.ca.pem`), 'utf8');
    const certificate = new X509Certificate(pem);
    return {
      // While the authority is being changed agents trust two.
      pem: [pem, ...['next', 'old'].map((role) => readIfThere(join(dataDir, 'pki', `${domain}.ca-${role}.pem`)))].join(
        '',
      ),
      fingerprint: certificateFingerprint(certificate),
      notAfter: new Date(certificate.validTo).toISOString(),
    };
  } catch (error) {
    throw new SallyportError(
      'ca_missing',
      'app',
      `There is no certificate authority for ${domain} in ${dataDir} yet.`,
      {
        hint: 'Start Sallyport once: it makes one.',
        cause: error,
      },
    );
  }
}

function readIfThere(path: string): string {
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}

function describeTunnel(tunnel: TunnelView): string {
  return [
    `${tunnel.state}, way ${tunnel.way}, ${shown(tunnel.domain)}${tunnel.port === 443 ? '' : `:${tunnel.port}`}`,
    ...(tunnel.detail ? [shown(tunnel.detail)] : []),
    ...(tunnel.checklist
      ? [table(tunnel.checklist.map((one) => [`  ${one.step}`, one.state, shown(one.detail)]))]
      : []),
    ...(tunnel.remarks ?? []).map((remark) => shown(remark)),
    ...(tunnel.connections.length > 0
      ? [table(tunnel.connections.map((one) => [`  ${one.edge}`, one.transport, `since ${one.since}`, rtt(one.rttMs)]))]
      : []),
    ...(tunnel.certificate
      ? [`Certificate ${tunnel.certificate.fingerprint}, until ${tunnel.certificate.notAfter}`]
      : []),
    ...(tunnel.forward
      ? [`Point your forwarder at 127.0.0.1:${tunnel.forward.local}; it must pass TCP on as it is, TLS unopened.`]
      : []),
    ...(tunnel.openai
      ? [
          `Tunnel ${tunnel.openai.tunnelId} at ${shown(tunnel.openai.baseUrl)}`,
          tunnel.openai.access === 'oauth'
            ? 'Agents need a token of Sallyport (--access oauth).'
            : 'Agents need no token: whoever OpenAI’s own access control lets in (--access tunnel).',
          ...tunnel.openai.channels.map(({ channel, server }) => `  channel ${channel} → ${server}`),
          ...(tunnel.openai.withheld ?? []).map(
            (slug) =>
              `  not offered: ${slug}, marked private. To offer it: sallyport servers private ${slug} on --readable`,
          ),
        ]
      : []),
    `${tunnel.openai ? 'OpenAI' : 'The middle'} can see: ${tunnel.canSee.map((one) => shown(one)).join(', ')}`,
    `It cannot see: ${tunnel.cannotSee.map((one) => shown(one)).join(', ')}`,
  ].join('\n');
}

function rtt(milliseconds: number | undefined): string {
  return milliseconds === undefined ? '' : `${milliseconds} ms`;
}
