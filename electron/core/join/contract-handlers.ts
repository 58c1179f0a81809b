import { join } from 'node:path';
import type { AgentRef } from '../../shared/call.ts';
import type { ContractClient, RequestOutput } from '../../shared/contract.ts';
import { SallyportError } from '../../shared/errors.ts';
import type { ServerView } from '../../shared/views.ts';
import type { CoreOptions } from '../core.ts';
import { examine } from '../doctor/doctor.ts';
import type { BrowserFront } from '../fronts/browser-front.ts';
import { controlAddress, controlEnvironment } from '../fronts/control-address.ts';
import type { Dispatcher, Handlers } from '../fronts/dispatcher.ts';
import { openPageInBrowser } from '../fronts/open-in-browser.ts';
import { createAgentHandlers } from '../handlers/agent-handlers.ts';
import { createAppHandlers } from '../handlers/app-handlers.ts';
import { createConnectHandlers } from '../handlers/connect-handlers.ts';
import { createConsentHandlers } from '../handlers/consent-handlers.ts';
import { createDiscoveryHandlers } from '../handlers/discovery-handlers.ts';
import { createDoctorHandlers } from '../handlers/doctor-handlers.ts';
import { makeFirstCall } from '../handlers/first-call.ts';
import { createIsolationHandlers } from '../handlers/isolation-handlers.ts';
import { createLogHandlers } from '../handlers/log-handlers.ts';
import { createNetworkHandlers } from '../handlers/network-handlers.ts';
import { createPolicyHandlers } from '../handlers/policy-handlers.ts';
import { createPresenceHandlers } from '../handlers/presence-handlers.ts';
import { createResultHandlers } from '../handlers/result-handlers.ts';
import { createReviewHandlers } from '../handlers/review-handlers.ts';
import { createServerHandlers } from '../handlers/server-handlers.ts';
import { createSignInHandlers } from '../handlers/sign-in-handlers.ts';
import { createUpdateHandlers } from '../handlers/update-handlers.ts';
import { createUpkeepHandlers } from '../handlers/upkeep-handlers.ts';
import { createWatchHandlers } from '../handlers/watch-handlers.ts';
import { scanLoopback } from '../servers/discovery/loopback-scan.ts';
import { ownPorts } from '../servers/discovery/own-ports.ts';
import type { ServerRecord } from '../servers/servers.ts';
import type { IsolationSupport } from '../servers/stdio/isolation.ts';
import { describeInstallation } from '../state/installation.ts';
import type { Stations } from './stations.ts';

/** What {@link joinHandlers} needs. */
export interface JoinHandlersDeps {
  readonly options: Pick<
    CoreOptions,
    'clock' | 'version' | 'selfCommand' | 'keyring' | 'trayShown' | 'updates' | 'widerFrontUp'
  >;
  /** Absolute path of the data folder. */
  readonly dataDir: string;
  readonly stations: Stations;
  readonly isolationSupport: () => Promise<IsolationSupport>;
  readonly viewOf: (record: ServerRecord) => ServerView;
  readonly pauseAgent: (agent: AgentRef, why: string, by?: string) => void;
  /** Ends what waits and what runs. @returns how many sessions ended */
  readonly stopCalls: () => Promise<number>;
  readonly cliMayDecide: () => boolean;
  /** The dispatcher that these handlers will be given to. */
  readonly dispatcher: () => Dispatcher;
  /** The page's front, once it is up. */
  readonly browser: () => BrowserFront | undefined;
}

/** What answers each request of the contract, from the stations that it concerns. */
export function joinHandlers(deps: JoinHandlersDeps): Handlers {
  const { options, dataDir, isolationSupport, viewOf, pauseAgent, stopCalls, cliMayDecide } = deps;
  const { clock, version } = options;
  const { settings, secrets, log, rulesFile, agents, canaries, policy, approvals, presence, signIns } = deps.stations;
  const { offers, servers, registry, programFiles, origins, setbacks, oauth, gateway, unverified } = deps.stations;
  const { wayOut, tunnel, state } = deps.stations;
  /** The doctor asks like any front; it may not widen anything. */
  const askOurselves: ContractClient['request'] = async (name, input) =>
    (await deps.dispatcher().request(name, input, { front: 'cli' })) as RequestOutput<typeof name>;
  return {
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
      forgetConnections: (slug) => programFiles.undo(slug),
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
    ...createConnectHandlers({
      clock,
      registry,
      programFiles,
      resourceServer: oauth,
      tunnel,
      log,
      setbacks,
      status: () => state.get().status,
      onState: (listener) => state.onChange(listener),
    }),
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
        const dispatcher = deps.dispatcher();
        const windows = dispatcher.connected('window');
        const pages = dispatcher.connected('browser');
        const desk = windows + pages === 0 && (options.widerFrontUp?.() ?? false);
        return { windows, pages, desk, commandLine: cliMayDecide(), version };
      },
      onMoved: () => oauth.revokeAll(),
      uiAddress: () => {
        const browser = deps.browser();
        if (browser) return browser.url();
        throw new SallyportError('ui_not_up', 'app', 'Sallyport shows its own window here.', {
          hint: 'Open it from the tray.',
        });
      },
    }),
  };
}
