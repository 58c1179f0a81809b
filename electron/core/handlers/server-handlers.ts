import type { RequestOutput } from '../../shared/contract.ts';
import { SallyportError } from '../../shared/errors.ts';
import { serverFeatures } from '../../shared/features.ts';
import type { Approvals } from '../approvals/approvals.ts';
import type { Handlers } from '../fronts/dispatcher.ts';
import type { ResourceServer } from '../oauth/resource-server.ts';
import type { Policy } from '../policy/policy.ts';
import type { RequestLog } from '../request-log/request-log.ts';
import { folderOverOwnFiles } from '../servers/folder-over-own-files.ts';
import type { OfferPins } from '../servers/offers.ts';
import type { ServerRegistry } from '../servers/server-registry.ts';
import type { ServerRecord, Servers } from '../servers/servers.ts';
import { readTools } from '../servers/sharing.ts';
import { refuseWithheld } from '../tunnel/readable-way.ts';
import type { Tunnel } from '../tunnel/tunnel.ts';
import type { FirstCallServer } from './first-call.ts';

/** What the requests on servers and tools need of the stations. */
export interface ServerHandlerDeps {
  readonly registry: ServerRegistry;
  readonly servers: Servers;
  readonly policy: Policy;
  readonly offers: OfferPins;
  readonly approvals: Approvals;
  readonly resourceServer: ResourceServer;
  readonly log: RequestLog;
  readonly tunnel: Tunnel;
  /** Cuts the streams that agents hold on one server. */
  readonly endSessions: (filter: { readonly server: string }) => number;
  /** Denies OAuth requests that wait for one server. */
  readonly withdrawConsents: (server: string) => void;
  readonly viewOf: (record: ServerRecord) => ReturnType<typeof import('../servers/server-view.ts').viewServer>;
  /** Our data folder and what else of ours lies apart from it. */
  readonly ownPaths: readonly string[];
  /** Command and arguments that run the sample server, from the entry file. */
  readonly sampleCommand: readonly string[];
  /** Makes the first call on the sample server, once it is shared. */
  readonly firstCall: (server: FirstCallServer) => Promise<RequestOutput<'servers.firstCall'>>;
}

/** Name under which the sample server is added. */
const sampleName = 'Sample notebook';

/** Requests on servers and tools. */
export function createServerHandlers(
  deps: ServerHandlerDeps,
): Pick<
  Handlers,
  | 'servers.list'
  | 'servers.add'
  | 'servers.remove'
  | 'servers.share'
  | 'servers.unshare'
  | 'servers.try'
  | 'servers.firstCall'
  | 'servers.features'
  | 'servers.approveOffer'
  | 'servers.private'
  | 'tools.list'
  | 'tools.set'
> {
  const { registry, servers, policy, log, tunnel } = deps;

  const share = async (record: ServerRecord, waitMs?: number) => {
    // Sharing approves what there is now, of whatever kind.
    if (!record.shared) deps.offers.forget(record.slug);
    const definitions = await readTools(servers, record, waitMs);
    await policy.prepare(definitions);
    policy.approveAll(record.slug, definitions);
    registry.setShared(record.slug, true);
    tunnel.keepAddress();
    const url = tunnel.urlOf(record.slug);
    const probe = await tunnel.probe();
    if (!probe.ok) {
      registry.setShared(record.slug, false);
      throw new SallyportError(
        'tunnel_not_ready',
        probe.hop ?? 'tunnel',
        `The way in does not answer: ${probe.detail}`,
        {
          hint: 'Nothing was shared. See `sallyport tunnel status`, then share again.',
        },
      );
    }
    const tools = policy.tools(record.slug).map(({ name, class: kind, access }) => ({ name, class: kind, access }));
    return { name: record.name, url, resource: url, tools };
  };

  const unshare = async (record: ServerRecord): Promise<void> => {
    registry.setShared(record.slug, false);
    deps.approvals.withdraw({ server: record.slug }, 'denied');
    deps.withdrawConsents(record.slug);
    deps.endSessions({ server: record.slug });
    await servers.stop(record.slug);
  };

  const shareSample = async (front: string): Promise<FirstCallServer> => {
    const [command, ...args] = deps.sampleCommand;
    if (command === undefined) throw new SallyportError('internal', 'app', 'The sample server has no command.');
    const record =
      registry.all().find((known) => known.name === sampleName) ??
      (await registry.add({ name: sampleName, command, args, source: 'Sallyport' }));
    const { url } = await share(record);
    log.note({ kind: 'authority', message: 'The sample server is shared.', server: record.slug, by: front });
    return { name: record.name, slug: record.slug, url };
  };

  return {
    'servers.list': async () => ({ servers: registry.all().map(deps.viewOf) }),

    'servers.add': async (input, { front }) => {
      const { name, slug } = await registry.add(input);
      log.note({ kind: 'authority', message: `Server ${name} added.`, server: slug, by: front });
      return { name, slug };
    },

    'servers.remove': async ({ server }, { front }) => {
      const record = registry.find(server);
      await unshare(record);
      deps.resourceServer.revokeAll(record.slug);
      policy.forget(record.slug);
      deps.offers.forget(record.slug);
      // Another server may get this slug one day: it must not inherit what was said of this one.
      for (const answer of deps.approvals.remembered()) {
        if (answer.server === record.slug) deps.approvals.forget(answer.id);
      }
      await registry.remove(record.slug);
      log.note({
        kind: 'authority',
        message: `Server ${record.name} removed; its tokens ended.`,
        server: record.slug,
        by: front,
      });
      return { name: record.name };
    },

    'servers.share': async ({ server, waitMs, overOwnFiles }, { front }) => {
      const record = registry.find(server);
      const folder = overOwnFiles ? undefined : folderOverOwnFiles(record, deps.ownPaths);
      if (folder !== undefined) {
        throw new SallyportError(
          'holds_own_files',
          'policy',
          `${record.name} works in ${folder}, which holds Sallyport’s own files.`,
          {
            hint: 'Share a narrower folder, or confirm: sallyport servers share NAME --over-own-files. No call may reach these files either way.',
          },
        );
      }
      if (tunnel.view().way === 'openai') refuseWithheld(record);
      const shared = await share(record, waitMs);
      log.note({ kind: 'authority', message: `Server ${record.name} shared.`, server: record.slug, by: front });
      return shared;
    },

    'servers.unshare': async ({ server }, { front }) => {
      const record = registry.find(server);
      await unshare(record);
      log.note({
        kind: 'authority',
        message: `Server ${record.name} no longer shared.`,
        server: record.slug,
        by: front,
      });
      return { name: record.name };
    },

    'servers.features': async ({ server, ...ticked }, { front }) => {
      const { slug, name, features: before } = registry.find(server);
      const features = serverFeatures.filter((feature) => ticked[feature] ?? before?.includes(feature) ?? false);
      registry.setFeatures(slug, features);
      // Streams opened under the old setting would go on hearing of what was unticked.
      if (before?.some((feature) => !features.some((kept) => kept === feature))) deps.endSessions({ server: slug });
      const message = `${name} shares ${['tools', ...features].join(', ')}.`;
      log.note({ kind: 'authority', message, server: slug, by: front });
      return { server: slug, features };
    },

    'servers.private': async ({ server, private: marked, readable = false }, { front }) => {
      const { slug, name } = registry.find(server);
      registry.setPrivate(slug, marked, readable);
      const offered = marked && readable;
      // Who came by a way that reads does not keep what it has open.
      if (marked && !offered && tunnel.view().way === 'openai') {
        deps.approvals.withdraw({ server: slug }, 'denied');
        deps.endSessions({ server: slug });
      }
      const words = offered ? 'private, and offered all the same where the middle reads' : 'private';
      const message = marked
        ? `The results of ${name} are marked ${words}.`
        : `The results of ${name} are not private.`;
      log.note({ kind: 'authority', message, server: slug, by: front });
      return { server: slug, private: marked, readable: offered };
    },

    'servers.approveOffer': async ({ server, kind, name, pin }, { front }) => {
      const { slug, name: of } = registry.find(server);
      deps.offers.approve(slug, kind, name, pin);
      const what = kind === 'instructions' ? 'the instructions' : `the ${kind} ${name}`;
      log.note({ kind: 'authority', message: `Approved ${what} of ${of}.`, server: slug, by: front });
      return { server: slug };
    },

    'servers.try': async (_input, { front }) => await shareSample(front),
    'servers.firstCall': async (_input, { front }) => await deps.firstCall(await shareSample(front)),

    'tools.list': async ({ server }) => {
      const { slug } = registry.find(server);
      return { server: slug, tools: [...policy.tools(slug)] };
    },

    'tools.set': async ({ server, tool, access, pin }, { front }) => {
      const { slug, name } = registry.find(server);
      const view = policy.setAccess(slug, tool, access, pin);
      log.note({ kind: 'authority', message: `${tool} on ${name} set to ${access}.`, server: slug, by: front });
      return { server: slug, tool: view };
    },
  };
}
