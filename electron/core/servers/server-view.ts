import { serverFeatures } from '../../shared/features.ts';
import type { ServerView, ToolView } from '../../shared/views.ts';
import { certificatesOf } from './http/upstream-ca.ts';
import type { ServerHealth, ServerRecord, ServerTarget } from './servers.ts';
import type { Isolation } from './stdio/isolation.ts';

/** What people see of a server: its record, its health, and its tools as policy counts them. Environment values never. */
export function viewServer(
  record: ServerRecord,
  health: ServerHealth,
  tools: readonly ToolView[],
  publicUrl: string,
  origin?: ServerView['origin'],
  signIn?: ServerView['signIn'],
  offers: NonNullable<ServerView['offers']> = [],
): ServerView {
  const { target } = record;
  const present = tools.filter((tool) => tool.state !== 'gone');
  const exposed = present.filter((tool) => tool.state === 'approved' && tool.access !== 'off');
  return {
    name: record.name,
    slug: record.slug,
    kind: target.kind,
    ...targetView(target),
    shared: record.shared,
    ...(record.shared ? { publicUrl } : {}),
    state: health.state,
    ...(health.era ? { era: health.era } : {}),
    tools: {
      total: present.length,
      exposed: exposed.length,
      asks: exposed.filter((tool) => tool.access === 'ask').length,
      undecided: present.filter((tool) => tool.state !== 'approved').length,
    },
    ...(health.lastError ? { lastError: health.lastError } : {}),
    ...(record.source ? { source: record.source } : {}),
    features: serverFeatures.filter((feature) => record.features?.includes(feature)),
    ...(record.isolation ? { isolation: viewIsolation(record.isolation) } : {}),
    ...(record.results ? { results: record.results } : {}),
    ...(record.reach ? { reach: record.reach } : {}),
    ...(signIn ? { signIn } : {}),
    ...(offers.length > 0 ? { offers } : {}),
    ...(record.private ? { private: record.offeredReadable ? ('offered' as const) : ('withheld' as const) } : {}),
    ...(origin ? { origin } : {}),
  };
}

function viewIsolation({ read, write, network, environmentOnly }: Isolation): NonNullable<ServerView['isolation']> {
  return { read: [...read], write: [...write], network, environmentOnly };
}

function targetView(
  target: ServerTarget,
): Pick<ServerView, 'command' | 'args' | 'env' | 'cwd' | 'url' | 'headers' | 'ca'> {
  if (target.kind === 'http') {
    return {
      url: target.url,
      env: [],
      ...(target.headers?.length ? { headers: [...target.headers] } : {}),
      ...(target.ca === undefined ? {} : { ca: certificatesOf(target.ca) }),
    };
  }
  const { command, args, env, cwd } = target;
  return { command, args: [...args], env: [...env], ...(cwd === undefined ? {} : { cwd }) };
}
