import { randomUUID } from 'node:crypto';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import type { Duplex } from 'node:stream';
import type { AgentRef } from '../shared/call.ts';
import { type Clock, timestamp } from '../shared/clock.ts';
import type { AppState, ContractClient, RequestOutput } from '../shared/contract.ts';
import { asSallyportError, SallyportError } from '../shared/errors.ts';
import type { Updates } from '../shared/updates.ts';
import { createApprovals } from './approvals/create-approvals.ts';
import { createRememberedFile } from './approvals/remembered-store.ts';
import { examine } from './doctor/doctor.ts';
import { type BrowserFront, createBrowserFront } from './fronts/browser-front.ts';
import { controlAddress, controlEnvironment } from './fronts/control-address.ts';
import { createControlSocket } from './fronts/control-socket.ts';
import { createDispatcher, type Dispatcher } from './fronts/dispatcher.ts';
import { openPageInBrowser } from './fronts/open-in-browser.ts';
import { createGateway } from './gateway/gateway.ts';
import { createChosenRoutes, createHostRoutes, createPathRoutes } from './gateway/routes.ts';
import { createAgentHandlers, viewAgents } from './handlers/agent-handlers.ts';
import { createAppHandlers } from './handlers/app-handlers.ts';
import { createConsentHandlers } from './handlers/consent-handlers.ts';
import { createDiscoveryHandlers } from './handlers/discovery-handlers.ts';
import { createDoctorHandlers } from './handlers/doctor-handlers.ts';
import { makeFirstCall } from './handlers/first-call.ts';
import { createIsolationHandlers } from './handlers/isolation-handlers.ts';
import { createLogHandlers, logLimits } from './handlers/log-handlers.ts';
import { createNetworkHandlers } from './handlers/network-handlers.ts';
import { createPolicyHandlers } from './handlers/policy-handlers.ts';
import { createPresenceHandlers } from './handlers/presence-handlers.ts';
import { createResultHandlers } from './handlers/result-handlers.ts';
import { createReviewHandlers } from './handlers/review-handlers.ts';
import { createServerHandlers } from './handlers/server-handlers.ts';
import { createSignInHandlers } from './handlers/sign-in-handlers.ts';
import { createUpdateHandlers } from './handlers/update-handlers.ts';
import { createUpkeepHandlers } from './handlers/upkeep-handlers.ts';
import { createWatchHandlers } from './handlers/watch-handlers.ts';
import { createContainment } from './join/contained-child.ts';
import { authorizePort, createAuthorizePage } from './oauth/authorize-page.ts';
import { createOauth } from './oauth/create-oauth.ts';
import type { GuardedFetchDeps } from './oauth/guarded-fetch.ts';
import { signingKey } from './oauth/signing-key.ts';
import { openCanaries } from './policy/canaries.ts';
import { createPolicy } from './policy/create-policy.ts';
import { createOfferPins } from './policy/offer-pins.ts';
import { createPausedAgents } from './policy/paused-agents.ts';
import { createPinFiles } from './policy/pin-store.ts';
import { prepareRules } from './policy/rule-book.ts';
import type { RulesDocument } from './policy/rules-document.ts';
import { createRulesFile, type RulesFile, rulesInPlaceOf } from './policy/rules-file.ts';
import { countWhileAway } from './presence/count-while-away.ts';
import { createPresence, type Presence } from './presence/presence.ts';
import { createRequestLog } from './request-log/create-request-log.ts';
import { openLogKeys } from './request-log/log-keys.ts';
import { createKeyfileSealer } from './secrets/keyfile-sealer.ts';
import type { Sealer, Secrets } from './secrets/secrets.ts';
import { createSecrets } from './secrets/secrets-file.ts';
import { createServers } from './servers/create-servers.ts';
import { createDiscovery } from './servers/discovery/discovery.ts';
import { scanLoopback } from './servers/discovery/loopback-scan.ts';
import { createOrigins } from './servers/discovery/origins.ts';
import { ownPorts } from './servers/discovery/own-ports.ts';
import type { Reach } from './servers/http/upstream-address.ts';
import { createServerRegistry } from './servers/server-registry.ts';
import { viewServer } from './servers/server-view.ts';
import type { ServerRecord } from './servers/servers.ts';
import { createSignIns } from './servers/sign-in/sign-ins.ts';
import { type IsolationSupport, probeIsolation } from './servers/stdio/isolation.ts';
import { startKeptChild } from './servers/stdio/kept-child.ts';
import { preferencesOf, type SettingsData, type SettingsFile } from './settings/settings.ts';
import { createSettings } from './settings/settings-station.ts';
import { createAppState } from './state/app-state.ts';
import { openDataFolder } from './state/data-folder.ts';
import { describeInstallation } from './state/installation.ts';
import { deriveStatus } from './state/status.ts';
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
    foldersOf: (slug) => foldersOf(registry.bySlug(slug)),
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
  const origins = createOrigins({
    discovery: createDiscovery({ platform: process.platform, home: homedir(), environment: process.env }),
    registry,
    clock,
    onNote: (server, message) => log.note({ kind: 'server', server, message }),
  });
  closers.push(() => origins.close());
  const oauth = createOauth({
    path: join(dataDir, 'oauth.db'),
    clock,
    signingKey: await signingKey(secrets, clock),
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
    onRefused: oauth.noteRefusal,
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

  const viewOf = (record: ServerRecord) =>
    viewServer(
      record,
      servers.health(record.slug),
      policy.tools(record.slug),
      tunnel.urlOf(record.slug),
      origins.view(record),
      signIns.view(record.slug),
      [...offers.waiting(record.slug)],
    );
  const collect = (previous: AppState | undefined): AppState => {
    const { paused } = settings.get();
    const serverViews = registry.all().map(viewOf);
    const pending = [...approvals.list()];
    const consents = [...oauth.consents.list()];
    const tunnelView = tunnel.view();
    const facts = {
      now: timestamp(clock),
      paused: paused !== undefined,
      pending: pending.length + consents.length,
      servers: serverViews,
      tunnel: tunnelView,
      probe: tunnel.lastProbe(),
      lastCallAt: log.lastCallAt(),
    };
    return {
      version,
      status: {
        ...deriveStatus(facts, previous?.status),
        ...(agents.list().length > 0 ? { agentsPaused: agents.list().length } : {}),
      },
      ...(paused ? { paused } : {}),
      tunnel: tunnelView,
      servers: serverViews,
      approvals: pending,
      remembered: [...approvals.remembered()],
      agents: viewAgents({ clock, resourceServer: oauth, log, agents, unverified }),
      consents,
      door: oauth.consents.door(),
      settings: preferencesOf(settings.get()),
      presence: presence.view(),
      ...(options.updates ? { updates: options.updates.view() } : {}),
    };
  };
  const state = createAppState(collect);
  closers.push(() => state.close());
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
  const handlers = {
    ...createServerHandlers({
      registry,
      servers,
      offers,
      policy,
      approvals,
      resourceServer: oauth,
      log,
      tunnel,
      viewOf,
      withdrawConsents: (slug) => oauth.consents.withdraw(slug),
      endSessions: (filter) => gateway.endSessions(filter, 'unshared'),
      firstCall: (server) =>
        makeFirstCall(
          { clock, resourceServer: oauth, log, tunnel, agentCommand: [...options.selfCommand, 'first-call'] },
          server,
        ),
      ownPaths: [dataDir, controlAddress(dataDir, controlEnvironment())],
      // Beside the data folder, not in it: whatever leads there is denied (security.md S7).
      sampleCommand: [...options.selfCommand, 'sample-server', `${dataDir}-notebook`],
    }),
    ...createSignInHandlers({
      registry,
      servers,
      signIns,
      log,
      openPage: (url) => openPageInBrowser(join(dataDir, 'open-sign-in.html'), url),
    }),
    ...createDiscoveryHandlers({
      registry,
      servers,
      origins,
      log,
      scan: async () =>
        await scanLoopback({
          client: { name: 'sallyport', version },
          ports: await ownPorts(process.platform, process.getuid?.()),
          except: new Set(Object.values(settings.get().ports).map(({ port }) => port)),
        }),
      endSessions: (filter) => gateway.endSessions(filter, 'unshared'),
    }),
    ...createAgentHandlers({
      clock,
      agents,
      registry,
      resourceServer: oauth,
      approvals,
      log,
      tunnel,
      unverified,
      endAgentSession: (agent) => gateway.endAgentSession(agent),
    }),
    ...createLogHandlers({ log, settings }),
    ...createIsolationHandlers({ registry, servers, log, support: isolationSupport, keptOut: [dataDir] }),
    ...createPolicyHandlers({ policy, rulesFile, log, clock }),
    ...createResultHandlers({ masked: gateway.maskedResults, registry, log }),
    ...createWatchHandlers({ clock, policy, agents, canaries, log, resourceServer: oauth, pauseAgent }),
    ...createConsentHandlers({ oauth, log }),
    ...createNetworkHandlers({ wayOut, tunnel, log }),
    ...createPresenceHandlers({ presence, log }),
    ...createUpdateHandlers({ updates: options.updates, log }),
    ...createReviewHandlers({ clock, log, policy, tunnel, state: state.get }),
    ...createUpkeepHandlers({
      clock,
      version,
      dataDir,
      secrets,
      tunnel,
      approvals,
      log,
      agents: () => state.get().agents,
      revokeAll: () => oauth.revokeAll(),
      stopCalls,
    }),
    ...createDoctorHandlers({
      clock,
      version,
      examine: () =>
        examine({
          dataDir,
          version,
          clock,
          environment: process.env,
          network: wayOut.open,
          instance: { client: { request: askOurselves }, version },
        }),
    }),
    ...createAppHandlers({
      clock,
      settings,
      tunnel,
      log,
      state: state.get,
      about: () => describeInstallation(dataDir, options.keyring?.name ?? 'keyfile', options.trayShown),
      stopCalls,
      reach: () => {
        const windows = dispatcher.connected('window');
        const pages = dispatcher.connected('browser');
        const desk = windows + pages === 0 && (options.widerFrontUp?.() ?? false);
        return { windows, pages, desk, commandLine: cliMayDecide(), version };
      },
      onMoved: () => oauth.revokeAll(),
      uiAddress: () => {
        if (browser) return browser.url();
        throw new SallyportError('ui_not_up', 'app', 'Sallyport shows its own window here.', {
          hint: 'Open it from the tray.',
        });
      },
    }),
  };
  /** The doctor asks like any front; it may not widen anything. */
  const askOurselves: ContractClient['request'] = async (name, input) =>
    (await dispatcher.request(name, input, { front: 'cli' })) as RequestOutput<typeof name>;
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
  if (options.browser) browser = await openBrowserFront(options.browser);

  /** The page at its remembered port; a default one that is busy gives way to a free one (`design.md` §7). */
  async function openBrowserFront(wanted: NonNullable<CoreOptions['browser']>): Promise<BrowserFront> {
    const remembered = settings.get().ports.ui;
    const open = async (port: number): Promise<BrowserFront> => {
      const front = createBrowserFront({ dispatcher, root: wanted.root, port, clock });
      const bound = await front.start();
      closers.push(() => front.stop());
      if (bound !== remembered.port && wanted.port === undefined) {
        notices.push(`Port ${remembered.port} is in use; the page is at port ${bound} from now on.`);
        settings.update((current) => ({
          ...current,
          ports: { ...current.ports, ui: { ...current.ports.ui, port: bound } },
        }));
      }
      return front;
    };
    if (wanted.port !== undefined) return await open(wanted.port);
    return await open(remembered.port).catch((error: unknown) => {
      const busy = error instanceof SallyportError && error.code === 'port_in_use';
      if (busy && !remembered.chosen) return open(0);
      throw error;
    });
  }

  return {
    dispatcher,
    browser,
    notices,
    retryTunnel: () => tunnel.retryNow(),
    presence,
  };
}

/** Where browsers meet the authorization endpoint, where the tunnel's own name cannot be reached by them. */
function pageOrigin({ tunnel, ports }: SettingsData): string | undefined {
  return tunnel.way === 'anthropic' ? `http://127.0.0.1:${ports.authorize?.port ?? authorizePort}` : undefined;
}

/** The person's rules; where they cannot be used, rules under which everything asks. */
function usableRules(file: RulesFile, trouble: (error: SallyportError) => void): RulesDocument {
  try {
    return file.read();
  } catch (thrown) {
    trouble(asSallyportError(thrown, 'policy'));
    return rulesInPlaceOf(thrown);
  }
}

/** Secrets sealed by the keyring where there is one; what the key file sealed opens either way (`security.md` S21). */
async function openSecrets(dataDir: string, keyring: Sealer | undefined): Promise<Secrets> {
  const keyfile = createKeyfileSealer({ path: join(dataDir, 'secrets', 'keyfile') });
  return await createSecrets({
    path: join(dataDir, 'secrets', 'secrets.json'),
    sealer: keyring ?? keyfile,
    alsoOpen: [keyfile],
  });
}

/** Folders against which a server may resolve relative paths: where it runs, and those that its command names. */
function foldersOf(record: ServerRecord | undefined): readonly string[] {
  if (record?.target.kind !== 'stdio') return [];
  return [record.target.cwd ?? homedir(), ...record.target.args.filter((argument) => isAbsolute(argument))];
}
