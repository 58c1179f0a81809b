import { randomUUID } from 'node:crypto';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import type { AgentRef } from '../shared/call.ts';
import { type Clock, timestamp } from '../shared/clock.ts';
import { asSallyportError, type SallyportError } from '../shared/errors.ts';
import type { Updates } from '../shared/updates.ts';
import { createApprovals } from './approvals/create-approvals.ts';
import { createRememberedFile } from './approvals/remembered-store.ts';
import type { BrowserFront } from './fronts/browser-front.ts';
import { controlAddress, controlEnvironment } from './fronts/control-address.ts';
import { createControlSocket } from './fronts/control-socket.ts';
import { createDispatcher, type Dispatcher } from './fronts/dispatcher.ts';
import { createGateway } from './gateway/gateway.ts';
import { createChosenRoutes, createHostRoutes, createPathRoutes } from './gateway/routes.ts';
import { logLimits } from './handlers/log-handlers.ts';
import { openBrowserPage } from './join/browser-page.ts';
import { createContainment } from './join/contained-child.ts';
import { joinHandlers } from './join/contract-handlers.ts';
import { createFrontState } from './join/front-state.ts';
import type { Stations } from './join/stations.ts';
import { authorizePort, createAuthorizePage } from './oauth/authorize-page.ts';
import { createOauth } from './oauth/create-oauth.ts';
import type { GuardedFetchDeps } from './oauth/guarded-fetch.ts';
import { openSigningKeys } from './oauth/signing-key.ts';
import { openCanaries } from './policy/canaries.ts';
import { createPolicy } from './policy/create-policy.ts';
import { createOfferPins } from './policy/offer-pins.ts';
import { createPausedAgents } from './policy/paused-agents.ts';
import { createPinFiles } from './policy/pin-store.ts';
import { prepareRules } from './policy/rule-book.ts';
import { createRulesFile } from './policy/rules-file.ts';
import { usableRules } from './policy/usable-rules.ts';
import { countWhileAway } from './presence/count-while-away.ts';
import { createPresence, type Presence } from './presence/presence.ts';
import { createRequestLog } from './request-log/create-request-log.ts';
import { openLogKeys } from './request-log/log-keys.ts';
import { openSecrets } from './secrets/open-secrets.ts';
import type { Sealer } from './secrets/secrets.ts';
import { createServers } from './servers/create-servers.ts';
import { createDiscovery } from './servers/discovery/discovery.ts';
import { createOrigins } from './servers/discovery/origins.ts';
import type { Reach } from './servers/http/upstream-address.ts';
import { namedFolders } from './servers/named-folders.ts';
import { createProgramFiles } from './servers/program-files/program-files.ts';
import { createServerRegistry } from './servers/server-registry.ts';
import { createSignIns } from './servers/sign-in/sign-ins.ts';
import { type IsolationSupport, probeIsolation } from './servers/stdio/isolation.ts';
import { startKeptChild } from './servers/stdio/kept-child.ts';
import { preferencesOf, type SettingsData, type SettingsFile } from './settings/settings.ts';
import { createSettings } from './settings/settings-station.ts';
import { createAppState } from './state/app-state.ts';
import { openDataFolder } from './state/data-folder.ts';
import { createSetbacks } from './state/setbacks.ts';
import type { PeerInfo } from './tunnel/connectors/connector.ts';
import { createTunnel } from './tunnel/tunnel.ts';
import { createUnverifiedAgents } from './tunnel/unverified-agents.ts';
import { createWayOut } from './tunnel/way-out.ts';

/** What an entry file brings along. */
export interface CoreOptions {
  /** Absolute path of the data folder. */
  readonly dataDir: string;
  readonly version: string;
  readonly clock: Clock;
  /** Whether this desktop shows tray icons; absent where there is no desktop shell. */
  readonly trayShown?: boolean;
  /** The system's keyring where there is a real one; without it the key file seals. */
  readonly keyring?: Sealer | undefined;
  /** Opens `settings.json` after the settings station has checked it. */
  readonly openSettingsFile: () => SettingsFile;
  /** Command and arguments that run this app's own command line: `[node, cli.js]`, or the packaged binary. */
  readonly selfCommand: readonly string[];
  /** Updates of the desktop app. */
  readonly updates?: Updates;
  /** Serve the UI to a browser: folder of the built pages, and the port if one was chosen (0 = any free one). */
  readonly browser?: { readonly root: string; readonly port?: number };
  /** "The command line may decide" for this run, whatever the settings say (`security.md` S7). */
  readonly cliMayDecide?: boolean;
  /** How metadata documents of unknown OAuth clients are fetched; default: from public addresses only. */
  readonly documents?: GuardedFetchDeps;
  /** What the public trusts when a certificate counts as forged; see `TunnelDeps.publicRoots`. */
  readonly publicRoots?: readonly string[];
  /** Whether a front that a person answers at is up; default: a window or browser session is connected. */
  readonly widerFrontUp?: () => boolean;
  /** Looks at the bytes between connector and inner TLS; see `TunnelDeps.observe`. */
  readonly observe?: (stream: Duplex, peer: PeerInfo) => Duplex;
}

/** The running app without any window. */
export interface Core {
  readonly dispatcher: Dispatcher;
  readonly browser: BrowserFront | undefined;
  /** What people should know of the start: files kept aside, a port that was replaced. */
  readonly notices: readonly string[];
  /** Dials the tunnel again at once: after sleep, or a change of network. */
  retryTunnel(): void;
  /** Told by the shell of what the person does: lock, unlock, idle time (`ui.md`, Not at the desk). */
  readonly presence: Pick<Presence, 'lock' | 'idle' | 'leave' | 'comeBack' | 'present'>;
  /** Drains and ends everything: connections, children, files. */
  stop(): Promise<void>;
}

/**
 * Builds every station, joins them and opens the way in. The one place that knows them all.
 * @throws SallyportError where it cannot start (`already_running`, `port_in_use`, `settings_newer`, …); whatever had been
 *   opened is closed again
 */
export async function startCore(options: CoreOptions): Promise<Core> {
  const closers: Closer[] = [];
  // One that fails keeps none of the others open: the first failure is told after all were tried.
  const closeAll = async (): Promise<void> => {
    const failures: unknown[] = [];
    for (const close of closers.splice(0).reverse()) {
      try {
        await close();
      } catch (failure) {
        failures.push(failure);
      }
    }
    if (failures.length > 0) throw failures[0];
  };
  try {
    const folder = await openDataFolder(options.dataDir);
    closers.push(() => folder.close());
    return { ...(await assemble(options, folder.path, closers)), stop: closeAll };
  } catch (error) {
    await closeAll().catch(() => {});
    throw error;
  }
}

/** Ends one station; run in the reverse of the order in which they were opened. */
type Closer = () => unknown;

async function assemble(options: CoreOptions, dataDir: string, closers: Closer[]): Promise<Omit<Core, 'stop'>> {
  const { clock, version } = options;
  const notices: string[] = [];
  let browser: BrowserFront | undefined;
  const settings = createSettings({
    path: join(dataDir, 'settings.json'),
    openFile: options.openSettingsFile,
    clock,
  });
  const secrets = await openSecrets(dataDir, options.keyring);
  const log = createRequestLog({
    path: join(dataDir, 'log.db'),
    clock,
    version,
    keys: await openLogKeys(secrets),
    limits: () => logLimits(settings),
    onTrouble: (error) => notices.push(error.message),
  });
  closers.push(() => {
    log.close();
    return log.settled();
  });
  const trouble = (error: SallyportError): void => log.note({ kind: 'app', message: error.message });
  for (const notice of settings.notices) {
    notices.push(notice.message);
    log.note({ kind: 'app', message: notice.message });
  }

  const files = { dataFolder: dataDir, clock, onTrouble: trouble };
  const rulesFile = createRulesFile(dataDir);
  const agents = createPausedAgents({
    clock,
    kept: {
      read: () => settings.get().pausedAgents ?? [],
      write: (pausedAgents) => settings.update((current) => ({ ...current, pausedAgents })),
    },
  });
  const canaries = await openCanaries({ secrets, clock });
  const policy = createPolicy({
    store: createPinFiles(files),
    resultsOf: (slug) => registry.bySlug(slug)?.results,
    agents,
    canaries,
    rules: usableRules(rulesFile, trouble),
    dataFolder: dataDir,
    ownPaths: [controlAddress(dataDir, controlEnvironment())],
    home: homedir(),
    foldersOf: (slug) => namedFolders(registry.bySlug(slug)),
  });
  // Until the parsers that the rules name are there, what they would judge asks.
  void prepareRules(policy.rules()).catch((error: unknown) => trouble(asSallyportError(error, 'policy')));
  const approvals = createApprovals({
    clock,
    newId: randomUUID,
    store: createRememberedFile(files),
    home: homedir(),
    absence: () => presence.absence(),
  });
  const presence = createPresence({
    clock,
    awayAfterMs: () => preferencesOf(settings.get()).awayAfterMinutes * 60_000,
    count: () => countWhileAway(log, approvals),
  });
  closers.push(() => presence.close());
  presence.onAway((away) => approvals.awayChanged(away));
  presence.onLock(() => {
    if (!preferencesOf(settings.get()).lockEndsSessions) return;
    const ended = approvals.endSessions();
    if (ended > 0) log.note({ kind: 'authority', message: `The screen was locked: ${ended} session answers ended.` });
  });
  // Looked for at the first need, then known as long as the app runs.
  let isolationProbed: Promise<IsolationSupport> | undefined;
  const isolationSupport = (): Promise<IsolationSupport> => {
    isolationProbed ??= probeIsolation();
    return isolationProbed;
  };
  const onReach = (slug: string, reach: Reach): void => registry.setReach(slug, reach);
  const client = { name: 'sallyport', version };
  const signIns = createSignIns({ secrets, clock, client, onReach });
  closers.push(() => signIns.close());
  const offers = createOfferPins(files);
  offers.onChange((server, came) => {
    for (const { kind, name, state } of came) {
      const what = kind === 'instructions' ? 'Its instructions' : `Its ${kind} ${name}`;
      const how = state === 'new' ? 'new, and off until approved' : 'not what was approved, and blocked';
      log.note({ kind: 'server', server, message: `${what}: ${how}.` });
    }
  });
  const servers = createServers({
    keptOut: [dataDir],
    isolationSupport,

    secrets,
    clock,
    client,
    environment: process.env,
    signIns,
    offers,
    onReach,
  });
  closers.push(() => servers.stopAll());
  const registry = createServerRegistry({ settings, secrets });
  const machine = { platform: process.platform, home: homedir(), environment: process.env };
  const programFiles = createProgramFiles({ machine, clock, dataFolder: dataDir, onTrouble: trouble });
  const origins = createOrigins({
    discovery: createDiscovery(machine),
    registry,
    clock,
    onNote: (server, message) => log.note({ kind: 'server', server, message }),
  });
  closers.push(() => origins.close());
  const setbacks = createSetbacks(clock);
  const oauth = createOauth({
    path: join(dataDir, 'oauth.db'),
    clock,
    signingKeys: await openSigningKeys(secrets, clock),
    issuer: () => tunnel.issuer(),
    pageOrigin: () => pageOrigin(settings.get()),
    servers: () =>
      registry
        .all()
        .filter((record) => record.shared)
        .map(({ slug, name }) => ({ slug, name, resource: tunnel.urlOf(slug) })),
    tools: (slug) => policy.tools(slug).filter((tool) => tool.access !== 'off' && tool.state === 'approved'),
    paused: () => settings.get().paused !== undefined,
    ...(options.documents ? { documents: options.documents } : {}),
    onTrouble: trouble,
    onTurnedAway: (why, server) => setbacks.note({ hop: 'oauth', why, ...(server === undefined ? {} : { server }) }),
    onNote: (message, server, by) =>
      log.note({
        kind: 'authority',
        message,
        ...(server === undefined ? {} : { server }),
        ...(by === undefined ? {} : { by }),
      }),
  });
  closers.push(() => oauth.close());
  const authorizePage = createAuthorizePage({
    clock,
    wanted() {
      const { tunnel: way, ports } = settings.get();
      if (way.way !== 'anthropic') return undefined;
      return { port: ports.authorize?.port ?? authorizePort, remembered: ports.authorize !== undefined };
    },
    onPort: (port) =>
      settings.update((current) => ({
        ...current,
        ports: { ...current.ports, authorize: { port, chosen: false } },
      })),
    handle: (request, response) => oauth.handlePage(request, response),
    onTrouble: trouble,
  });
  closers.push(() => authorizePage.close());
  settings.onChange(() => void authorizePage.follow());

  const addresses = {
    domain: () => tunnel.view().domain,
    records: registry.all,
    resource: (slug: string) => tunnel.urlOf(slug),
  };
  const pathRoutes = createPathRoutes({
    ...addresses,
    aliases: () => (settings.get().tunnel.way === 'embedded' ? ['127.0.0.1', '[::1]'] : []),
  });
  const hostRoutes = createHostRoutes({
    ...addresses,
    hosts: () => settings.get().tunnel.anthropic?.hosts ?? {},
    onNoRoute: (host) => tunnel.noRoute(host),
  });
  /** Stops one agent: kept first, then what waits and what runs of it ends. */
  const pauseAgent = (agent: AgentRef, why: string, by?: string): void => {
    if (!agents.pause(agent, why)) return;
    approvals.withdraw({ agent: agent.id }, 'paused');
    gateway.endSessions({ agent: agent.id }, 'paused');
    const message = `${agent.name} is paused. ${why}`;
    log.note({ kind: 'authority', message, ...(by === undefined ? {} : { by }) });
  };
  const gateway = createGateway({
    clock,
    routes: createChosenRoutes(() => (settings.get().tunnel.way === 'anthropic' ? hostRoutes : pathRoutes)),
    servers,
    resourceServer: oauth,
    authorizationServer: oauth,
    onRefused(why, server) {
      oauth.noteRefusal(why, server);
      setbacks.note({ hop: 'oauth', why: refusedToken(why), server });
    },
    onForgiven: (message, server) => log.note({ kind: 'app', server, message }),
    policy,
    approvals,
    log,
    pauseAgent,
    paused: () => settings.get().paused,
    probeKey: () => tunnel.publicKeyPin(),
    onProblem: (problem) => log.note({ kind: 'app', message: `The gateway failed: ${problem}` }),
  });
  closers.push(() => gateway.close());
  const unverified = createUnverifiedAgents(clock);
  const wayOut = createWayOut({ settings, secrets, environment: process.env });
  const tunnel = createTunnel({
    clock,
    settings,
    secrets,
    folder: join(dataDir, 'pki'),
    commandsFile: join(dataDir, 'openai-commands.db'),
    onRequest: (request, response) => gateway.handle(request, response),
    onNote: (message) => log.note({ kind: 'tunnel', message }),
    onAgentFailed: ({ hop, message, hint }) =>
      setbacks.note({ hop, why: message, ...(hint === undefined ? {} : { hint }) }),
    version,
    entrance: {
      records: registry.all,
      slugOf: (name) => registry.find(name).slug,
      metadata: (resource) => oauth.metadata(resource),
      receive(message) {
        if (message.visitor) unverified.saw(message.visitor.agent, message.route.record.slug);
        gateway.receive(message);
      },
    },
    network: wayOut.open,
    environment: process.env,
    startChild: startKeptChild,
    containment: createContainment(isolationSupport, [...options.selfCommand, 'cloudflared-doorway', '--']),
    pageOrigin: () => pageOrigin(settings.get()),
    ...(options.publicRoots ? { publicRoots: options.publicRoots } : {}),
    onForged: (why) => {
      notices.push(why);
      // Stored before anything ends, as every pause is (security.md S12).
      settings.update((current) => ({ ...current, paused: current.paused ?? { at: timestamp(clock), why } }));
      log.note({ kind: 'authority', message: `Paused: ${why}` });
      stopCalls().catch((error: unknown) => trouble(asSallyportError(error)));
    },
    sharedSlugs: () => registry.all().flatMap(({ slug, shared }) => (shared ? [slug] : [])),
    ...(options.observe ? { observe: options.observe } : {}),
  });
  closers.push(() => tunnel.stop());
  // Ended before the tunnel drains: what waits for a person is told so at once instead of holding up the quit.
  closers.push(() => approvals.close());

  const front = createFrontState({
    clock,
    version,
    stations: {
      settings,
      servers,
      policy,
      tunnel,
      origins,
      signIns,
      offers,
      registry,
      approvals,
      oauth,
      log,
      agents,
      presence,
      unverified,
    },
    updates: options.updates,
  });
  const state = createAppState(front.collect);
  closers.push(() => state.close());
  const stations: Stations = {
    settings,
    secrets,
    log,
    rulesFile,
    agents,
    canaries,
    policy,
    approvals,
    presence,
    signIns,
    offers,
    servers,
    registry,
    programFiles,
    origins,
    setbacks,
    oauth,
    gateway,
    unverified,
    wayOut,
    tunnel,
    state,
  };
  const touch = (): void => state.touch();
  for (const station of [
    settings,
    servers,
    signIns,
    offers,
    origins,
    policy,
    approvals,
    oauth,
    tunnel,
    agents,
    presence,
  ]) {
    station.onChange(touch);
  }
  if (options.updates) closers.push(options.updates.onChange(touch));
  log.onRow(touch);
  servers.onStderr((slug, line) => log.note({ kind: 'server', server: slug, message: line }));

  // What ran without the tokens, or under others, does not go on.
  signIns.onSignedIn((slug) => {
    log.note({ kind: 'authority', message: 'Sallyport signed in there.', server: slug });
    void servers.stop(slug);
  });

  const stopCalls = async (): Promise<number> => {
    approvals.withdraw({}, 'paused');
    oauth.consents.withdraw();
    return gateway.endSessions({}, 'paused');
  };
  const cliMayDecide = (): boolean => options.cliMayDecide ?? settings.get().cliMayDecide;
  const handlers = joinHandlers({
    options,
    dataDir,
    stations,
    isolationSupport,
    viewOf: front.viewOf,
    pauseAgent,
    stopCalls,
    cliMayDecide,
    dispatcher: () => dispatcher,
    browser: () => browser,
  });
  const dispatcher = createDispatcher({
    handlers,
    state,
    log,
    approvals,
    clock,
    cliMayDecide,
    ...(options.widerFrontUp ? { widerFrontUp: options.widerFrontUp } : {}),
  });
  closers.push(() => dispatcher.close());

  await tunnel.start();
  await authorizePage.follow();
  const control = createControlSocket({ dispatcher, dataDir, clock });
  await control.start();
  closers.push(() => control.stop());
  if (options.browser) {
    browser = await openBrowserPage({
      ...options.browser,
      dispatcher,
      clock,
      settings,
      onMoved: (why) => notices.push(why),
    });
    closers.push(() => browser?.stop());
  }

  return {
    dispatcher,
    browser,
    notices,
    retryTunnel: () => tunnel.retryNow(),
    presence,
  };
}

/** Why a token opened nothing, for who waits for a first call. */
function refusedToken(why: string): string {
  const words: Readonly<Record<string, string>> = {
    expired: 'Its token is over: it must sign in again, or be given a new one.',
    revoked: 'Its token was revoked.',
    wrong_audience: 'Its token is for another server or address.',
  };
  return words[why] ?? 'It brought no token that is known here.';
}

/** Where browsers meet the authorization endpoint, where the tunnel's own name cannot be reached by them. */
function pageOrigin({ tunnel, ports }: SettingsData): string | undefined {
  return tunnel.way === 'anthropic' ? `http://127.0.0.1:${ports.authorize?.port ?? authorizePort}` : undefined;
}
