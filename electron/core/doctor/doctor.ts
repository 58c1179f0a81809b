import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../shared/clock.ts';
import { asSallyportError } from '../../shared/errors.ts';
import { createKeyfileSealer } from '../secrets/keyfile-sealer.ts';
import { createSecrets } from '../secrets/secrets-file.ts';
import type { SettingsData } from '../settings/settings.ts';
import { defaultSettings } from '../settings/settings-document.ts';
import { type Network, readNetwork } from '../tunnel/connectors/network.ts';
import type { Environment } from '../tunnel/connectors/proxy.ts';
import { proxyCredentials } from '../tunnel/way-out.ts';
import { type CertificateFacts, checkCertificates, checkConnectorCertificate } from './certificate-checks.ts';
import { bad, type Check, good } from './check.ts';
import { checkForwarder } from './forwarder-check.ts';
import {
  checkCommand,
  checkDataFolder,
  checkDisk,
  checkPort,
  checkSecrets,
  checkSettings,
  checkVersions,
} from './machine-checks.ts';
import { checkApprovals, checkProbe, checkServers, checkTunnel, type Instance } from './road-checks.ts';
import {
  checkClock,
  checkDns,
  checkEdgeCertificate,
  checkProxy,
  checkReachable,
  type Meeting,
  meetEdge,
} from './way-checks.ts';
import { failure, plain, words } from './words.ts';

/** What {@link examine} looks at. */
export interface DoctorDeps {
  /** Absolute path of the data folder. */
  readonly dataDir: string;
  /** Version of this program. */
  readonly version: string;
  readonly clock: Clock;
  /** Names proxies, CAs and the places of programs. */
  readonly environment: Environment;
  /** How the instance gets out; default: as settings and environment say, with what the key file opens. */
  readonly network?: () => Promise<Network>;
  /** The running instance and its version, where one runs. */
  readonly instance?: { readonly client: Instance; readonly version: string };
}

/**
 * Looks at every hop of the road, from the machine outwards and back in, and yields each finding as soon as it is there. The
 * stations are read, never changed: it works on the files where no instance runs.
 */
export async function* examine(deps: DoctorDeps): AsyncGenerator<Check> {
  const { dataDir, clock, environment, instance } = deps;
  const pki = join(dataDir, 'pki');
  const { check: settingsCheck, reading } = await checkSettings(dataDir);
  const settings = reading?.kind === 'good' ? reading.settings : defaultSettings();
  const edge = settings.tunnel.way === 'edge' ? settings.tunnel.edge : undefined;
  const network = deps.network ?? (() => networkFromFiles(dataDir, settings, environment));
  const proxy = edge && (await checkProxy(edge, network));
  const meeting: Meeting = edge ? await meetEdge(edge, pki, proxy?.network, clock) : {};

  yield checkClock(meeting, clock.now(), await newestTime(dataDir));
  yield await checkDataFolder(dataDir);
  yield await checkDisk(dataDir);
  yield checkVersions(deps.version, instance?.version);
  yield settingsCheck;
  const { check: secretsCheck, names } = await checkSecrets(dataDir);
  yield secretsCheck;
  yield instance
    ? good('instance', 'app', words`Sallyport is running.`)
    : bad(
        'instance',
        'app',
        words`No Sallyport is running for this data folder: agents get no answer.`,
        words`Start it: the app, or sallyport run.`,
      );
  const port = settings.ports.edge.port;
  const forward = settings.tunnel.way === 'forward' ? settings.tunnel.forward : undefined;
  if (edge) {
    if (proxy) yield proxy.check;
    yield await checkDns(edge, proxy?.network);
    yield await checkReachable(edge.host, edge.port, proxy?.network);
    yield checkEdgeCertificate(meeting);
  } else if (instance) yield await checkReachable('127.0.0.1', port, undefined);
  else yield await checkPort(settings.ports.edge);
  if (forward) {
    const { check, network: outwards } = await checkProxy(forward, network);
    yield check;
    yield await checkDns(forward, outwards);
    yield await checkReachable(forward.host, forward.port, outwards);
    yield await checkForwarder({
      ...forward,
      local: port,
      folder: pki,
      network: outwards,
      running: instance !== undefined,
    });
  }
  const facts: CertificateFacts = { folder: pki, domain: settings.tunnel.domain, now: clock.now(), secrets: names };
  yield await checkCertificates(facts);
  if (edge) yield await checkConnectorCertificate(facts);
  if (instance) yield* road(instance.client);
  else yield* programs(settings, environment);
}

/** The rest of the road, by asking the instance. */
async function* road(client: Instance): AsyncGenerator<Check> {
  const steps: readonly (readonly [hop: Check['hop'], run: () => Promise<Check[]>])[] = [
    ['tunnel', async () => [checkTunnel(await client.request('tunnel.status', {}))]],
    ['gateway', async () => checkProbe(await client.request('tunnel.probe', {}))],
    ['server', async () => checkServers((await client.request('servers.list', {})).servers)],
    ['approval', async () => [checkApprovals(await client.request('approvals.reach', {}))]],
    [
      'app',
      async () =>
        (await client.request('status.get', {})).state === 'paused'
          ? [bad('paused', 'app', words`Everything is paused: no call gets through.`, words`Run: sallyport resume`)]
          : [good('paused', 'app', words`Calls get through.`)],
    ],
  ];
  for (const [hop, run] of steps) {
    try {
      yield* await run();
    } catch (error) {
      const known = asSallyportError(error, hop);
      yield bad(known.hop, known.hop, failure(known), plain(known.hint ?? 'Restart Sallyport.'));
    }
  }
}

/** The way out without asking an instance. Credentials that a keyring sealed cannot be opened from here. */
async function networkFromFiles(dataDir: string, settings: SettingsData, environment: Environment): Promise<Network> {
  let credentials: string | undefined;
  if (settings.network?.proxy !== undefined) {
    const folder = join(dataDir, 'secrets');
    const sealer = createKeyfileSealer({ path: join(folder, 'keyfile') });
    credentials = await createSecrets({ path: join(folder, 'secrets.json'), sealer }).then(
      (secrets) => secrets.get(proxyCredentials).catch(() => undefined),
      () => undefined,
    );
  }
  return readNetwork(environment, settings.network, credentials);
}

/** With no instance: whether the programs of shared servers are there. */
async function* programs(settings: SettingsData, environment: Environment): AsyncGenerator<Check> {
  for (const { slug, shared, target } of settings.servers) {
    if (shared && target.kind === 'stdio') yield await checkCommand(slug, target.command, environment.PATH ?? '');
  }
}

/** When the newest of our own files was written: the clock cannot be before that. */
async function newestTime(dataDir: string): Promise<number | undefined> {
  const times = await Promise.all(
    ['settings.json', 'log.db', join('secrets', 'secrets.json')].map((name) =>
      stat(join(dataDir, name)).then(
        (info) => info.mtimeMs,
        () => undefined,
      ),
    ),
  );
  const known = times.filter((time) => time !== undefined);
  return known.length > 0 ? Math.max(...known) : undefined;
}
