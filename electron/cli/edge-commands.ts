import { mkdir, readFile } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import { stringify } from 'yaml';
import { writeDurably } from '../core/state/durable-file.ts';
import { systemClock } from '../core/state/system-clock.ts';
import { createEdge, type Edge, type EdgeRules } from '../core/tunnel/edge/edge.ts';
import { trustedBy } from '../core/tunnel/edge/edge-authorities.ts';
import type { EdgeConfig } from '../core/tunnel/edge/edge-config.ts';
import { type EdgeFolder, edgeConfigName, initEdgeFolder, openEdgeFolder } from '../core/tunnel/edge/edge-folder.ts';
import type { EdgeLog } from '../core/tunnel/edge/edge-log.ts';
import { createEdgeMetrics } from '../core/tunnel/edge/edge-metrics.ts';
import type { ClientRecord } from '../core/tunnel/edge/edge-store.ts';
import { createEnrolment, type Enrolment } from '../core/tunnel/edge/enrolment.ts';
import { formatJoinLine } from '../core/tunnel/edge/join-line.ts';
import { listenOperations, type Operations } from '../core/tunnel/edge/operations.ts';
import { agentLabel, agentPathPrefix } from '../core/tunnel/edge/protocol.ts';
import { createCsr } from '../core/tunnel/pki/certificate-request.ts';
import { timestamp } from '../shared/clock.ts';
import { asSallyportError, SallyportError } from '../shared/errors.ts';
import { registerEdgeCaCommands } from './edge-ca-commands.ts';

/** What the edge commands write to. */
export interface EdgeCommandIo {
  stdout(text: string): void;
  stderr(text: string): void;
  /** Whether `--json` was given. */
  json(): boolean;
  /** Sets the exit status where nothing is thrown. */
  status?(status: number): void;
}

/** Shortest part of an id that `revoke` takes. */
const minIdLength = 8;

/**
 * Adds `edge run · init · invite · list · revoke · agent add` to the command line. They work on an edge's folder and need
 * no running app. Errors are thrown as SallyportError for the caller to print.
 */
export function registerEdgeCommands(program: Command, io: EdgeCommandIo): void {
  const edge = program.command('edge').description('The edge alone, for a server');
  const withConfig = (command: Command): Command =>
    command.option('--config <file>', 'the edge’s configuration', edgeConfigName);
  const print = (document: object, human: string): void =>
    io.stdout(io.json() ? `${JSON.stringify(document)}\n` : `${human}\n`);

  withConfig(edge.command('run').description('Run the edge until it is told to stop'))
    .option('--print-config', 'print the configuration with its defaults and exit')
    .action(async (options: { config: string; printConfig?: boolean }) => {
      if (options.printConfig) {
        const { config } = await openEdgeFolder(options.config);
        io.stdout(io.json() ? `${JSON.stringify({ config })}\n` : stringify(config));
      } else await runEdge(options.config, io);
    });

  edge
    .command('init')
    .description('Make the folder of a new edge')
    .argument('<dir>')
    .option('--name <name>', 'its DNS name', 'edge.localhost')
    .option('--port <port>', 'its public port', parsePort, 443)
    .option('--host <address>', 'an address to bind; may be repeated', collect)
    .option('--operations <port>', 'loopback port of /healthz, or "off"', parseOperations, 9_464)
    .action(
      async (
        dir: string,
        options: { name: string; port: number; host?: string[]; operations: number | 'off' },
      ): Promise<void> => {
        const { host = ['0.0.0.0', '::'], ...rest } = options;
        const config = await initEdgeFolder(dir, { ...rest, hosts: host }, systemClock);
        print(
          { config, name: options.name.toLowerCase() },
          `Made ${config}\nLook through it, then: sallyport edge run --config ${relative('.', config) || config}`,
        );
      },
    );

  withConfig(edge.command('invite').description('Print a join line for one tunnel'))
    .option('--name <name>', 'label below the edge’s name, or a whole domain; random if not given')
    .action(async (options: { config: string; name?: string }) => {
      const { folder, enrolment } = await openEnrolment(options.config);
      const address = await folder.publicAddress();
      const invite = await enrolment.invite(options.name === undefined ? {} : { name: options.name });
      const line = formatJoinLine({ ...address, caPin: folder.authorities.active.pin, token: invite.token });
      print({ join: line, domain: invite.domain, expiresAt: invite.expiresAt }, line);
      if (!io.json()) io.stderr(`Works once, for 15 minutes, for ${invite.domain}.\n`);
    });

  withConfig(edge.command('list').description('List tunnels, agents and open invites')).action(
    async (options: { config: string }) => {
      const { store } = await openEdgeFolder(options.config);
      const clients = await store.clients();
      const now = systemClock.now();
      const invites = (await store.invites())
        .filter((invite) => Date.parse(invite.expiresAt) > now)
        .map(({ domain, expiresAt }) => ({ domain, expiresAt }));
      const of = (kind: ClientRecord['kind']) => clients.filter((client) => client.kind === kind).map(describe);
      const document = { connectors: of('connector'), agents: of('agent'), invites };
      const rows = [...document.connectors.map(row('connector')), ...document.agents.map(row('agent'))];
      for (const invite of invites) rows.push(`invite     ${invite.domain}  until ${invite.expiresAt}`);
      print(document, rows.join('\n') || 'Nobody has joined yet. Print a join line with "sallyport edge invite".');
    },
  );

  withConfig(edge.command('revoke').description('End a certificate and its open connections'))
    .argument('<id>', `as "list" shows it; ${minIdLength} characters or more will do`)
    .action(async (id: string, options: { config: string }) => {
      const { store } = await openEdgeFolder(options.config);
      const matches = (await store.clients()).filter((client) => client.serial.startsWith(id.toLowerCase()));
      const [client] = matches;
      if (id.length < minIdLength || !client || matches.length > 1) {
        throw new SallyportError('unknown_certificate', 'edge', 'There is no single certificate with this id.', {
          hint: 'See "sallyport edge list".',
        });
      }
      const revoked = (await store.revoke(client.serial, timestamp(systemClock))) ?? client;
      print(describe(revoked), `Revoked ${revoked.kind} ${revoked.name}.`);
    });

  registerEdgeCaCommands(edge, withConfig, print);

  const agent = edge.command('agent').description('Certificates for the agent door');
  withConfig(agent.command('add').description('Make a client certificate for an agent'))
    .argument('<name>')
    .option('--csr <file>', 'sign this request, so that the key never comes here')
    .action(async (name: string, options: { config: string; csr?: string }) => {
      const { folder, enrolment } = await openEnrolment(options.config);
      const made = options.csr === undefined ? await createCsr() : { csrPem: await readCsr(options.csr) };
      const issued = await enrolment.addAgent(name, made.csrPem);
      const directory = join(folder.directory, 'agents', name);
      const files = {
        certificate: join(directory, 'client.crt'),
        ca: join(directory, 'ca.crt'),
        ...('keyPem' in made ? { key: join(directory, 'client.key') } : {}),
      };
      await mkdir(directory, { recursive: true, mode: 0o700 });
      await writeDurably(files.certificate, issued.pem);
      await writeDurably(files.ca, trustedBy(folder.authorities).join(''));
      if ('keyPem' in made) await writeDurably(join(directory, 'client.key'), made.keyPem);
      const { host, port } = await folder.publicAddress();
      const url = `wss://${agentLabel}.${host}:${port}${agentPathPrefix}DOMAIN`;
      print(
        { id: issued.serialNumber, name, ...files, notAfter: issued.notAfter.toISOString(), url },
        `${Object.values(files).join('\n')}\nHand these to the agent, then remove the key here. It connects to ${url}`,
      );
    });
}

async function openEnrolment(
  config: string,
): Promise<{ folder: Awaited<ReturnType<typeof openEdgeFolder>>; enrolment: Enrolment }> {
  const folder = await openEdgeFolder(config);
  const { store, authorities } = folder;
  return {
    folder,
    enrolment: createEnrolment({
      store,
      authorities: () => authorities,
      clock: systemClock,
      edgeName: folder.config.name,
    }),
  };
}

/**
 * Runs until SIGTERM or SIGINT, then drains for ten seconds; a second signal ends it at once. SIGHUP reads the configuration
 * and the certificate files again.
 */
async function runEdge(configPath: string, io: EdgeCommandIo): Promise<void> {
  const folder = await openEdgeFolder(configPath);
  const { config } = folder;
  const metrics = createEdgeMetrics();
  const log: EdgeLog = (event) => {
    metrics.count(event);
    io.stderr(`${JSON.stringify({ at: timestamp(systemClock), ...event })}\n`);
  };
  const edge = await createEdge({
    name: config.name,
    authority: folder.authorities.active,
    store: folder.store,
    clock: systemClock,
    ...rulesOf(folder),
    log,
  });
  const port = await edge.listen({ hosts: config.hosts, port: config.port });
  let draining = false;
  let operations: Operations | undefined;
  try {
    if (config.operations !== 'off') {
      operations = await listenOperations(config.operations, {
        status: edge.status,
        metrics: () => metrics.render(edge.status()),
        ready: () => !draining,
      });
    }
    await folder.setRunning(port);
  } catch (error) {
    await edge.close(0);
    throw error;
  }
  const hangUp = (): void => {
    reloadEdge(configPath, config, edge).catch((error: unknown) => {
      // What was in force stays in force: a slip in the file must not end an edge that serves.
      log({ event: 'reload_refused', reason: asSallyportError(error, 'edge').message });
    });
  };
  process.on('SIGHUP', hangUp);
  const signalled = new Promise<number>((settle) => {
    const stop = (status: number) => (): void => {
      process.once('SIGINT', () => process.exit(130));
      process.once('SIGTERM', () => process.exit(143));
      settle(status);
    };
    process.once('SIGINT', stop(130));
    process.once('SIGTERM', stop(143));
  });
  const ready = {
    ready: true,
    name: config.name,
    port,
    ...(operations ? { operations: operations.port } : {}),
    pid: process.pid,
  };
  io.stdout(io.json() ? `${JSON.stringify(ready)}\n` : `The edge ${config.name} is ready on port ${port}.\n`);
  // The signal handlers alone do not keep a process alive; the listener does.
  const status = await signalled;
  draining = true;
  await edge.close(10_000);
  operations?.close();
  process.off('SIGHUP', hangUp);
  io.status?.(status);
}

function rulesOf({ config, publicCertificate, authorities }: EdgeFolder): EdgeRules {
  return {
    authorities,
    limits: config.limits,
    agentsAllowed: config.agents.allow,
    ...(publicCertificate ? { publicCertificate } : {}),
  };
}

/** @throws SallyportError what reading the folder throws, `restart_needed` where a change cannot be taken while it runs */
async function reloadEdge(configPath: string, running: EdgeConfig, edge: Edge): Promise<void> {
  const folder = await openEdgeFolder(configPath);
  const fixed = (config: EdgeConfig) => {
    const { name, hosts, port, operations, state } = config;
    return JSON.stringify({ name, hosts, port, operations, state });
  };
  if (fixed(folder.config) !== fixed(running)) {
    throw new SallyportError('restart_needed', 'edge', 'name, hosts, port, operations and state need a restart.', {
      hint: 'Nothing of the new configuration was taken.',
    });
  }
  await edge.reload(rulesOf(folder));
}

function describe(client: ClientRecord) {
  const { serial, name, createdAt, notAfter, revokedAt } = client;
  return { id: serial, name, createdAt, notAfter, ...(revokedAt ? { revokedAt } : {}) };
}

function row(kind: string): (client: ReturnType<typeof describe>) => string {
  return ({ id, name, notAfter, revokedAt }) =>
    `${kind.padEnd(10)} ${name}  ${id}  ${revokedAt ? `revoked ${revokedAt}` : `until ${notAfter}`}`;
}

async function readCsr(path: string): Promise<string> {
  try {
    return await readFile(resolve(path), 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new SallyportError('file_unreadable', 'edge', `${path} cannot be read (${code}).`, { cause: error });
  }
}

function parsePort(text: string): number {
  const port = Number(text);
  if (/^[0-9]{1,5}$/.test(text) && port <= 65_535) return port;
  throw new InvalidArgumentError('A port is a number from 0 to 65535.');
}

function parseOperations(text: string): number | 'off' {
  return text === 'off' ? 'off' : parsePort(text);
}

function collect(value: string, before: string[] = []): string[] {
  return [...before, value];
}
