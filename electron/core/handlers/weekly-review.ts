import type { ReviewView } from '../../shared/contract/review-requests.ts';
import type { AgentView, LogRow, RememberedView, ServerView, ToolView } from '../../shared/views.ts';

const dayMs = 86_400_000;
/** How far back is looked. */
export const reviewMs = 30 * dayMs;
/** What is younger is called unused by nobody. */
const youngMs = 7 * dayMs;
const endsSoonMs = 14 * dayMs;
/** An answer this quick was hardly read. */
const reflexMs = 1_000;

/** What {@link reviewOf} looks at. */
export interface ReviewFacts {
  /** Wall time, milliseconds. */
  readonly now: number;
  /** From when on `calls` are all calls there were, milliseconds. */
  readonly from: number;
  readonly calls: readonly LogRow[];
  readonly remembered: readonly RememberedView[];
  readonly agents: readonly AgentView[];
  readonly servers: readonly ServerView[];
  readonly tools: (slug: string) => readonly ToolView[];
  /** Ids of the person's rules. */
  readonly rules: readonly string[];
  readonly certificates: readonly { readonly what: 'certificate' | 'authority'; readonly notAfter: string }[];
}

/** The first month's questions (`ui.md`): what was not used, what ends soon, and how prompts were answered. */
export function reviewOf(facts: ReviewFacts): ReviewView {
  const { now, from, calls } = facts;
  const days = Math.floor((now - from) / dayMs);
  const asked = calls.filter(({ answer }) => answer?.by !== undefined && !['remembered', 'permit'].includes(answer.by));
  const view: ReviewView = {
    since: new Date(from).toISOString(),
    days,
    prompts: {
      count: asked.length,
      quick: asked.filter(({ answer }) => answer?.after !== undefined && answer.after < reflexMs).length,
    },
    remembered: [],
    rules: [],
    agents: [],
    tools: [],
    ending: ending(facts),
  };
  // What is a week old has not had the time to be unused.
  if (now - from < youngMs) return view;
  const key = (...parts: (string | undefined)[]): string => JSON.stringify(parts);
  const used = new Set(calls.map(({ server, tool }) => key(server, tool)));
  const answered = new Set(
    calls
      .filter(({ answer }) => answer?.by === 'remembered')
      .map(({ agent, server, tool }) => key(agent?.id, server, tool)),
  );
  const decided = new Set(calls.map(({ decision }) => decision?.rule));
  return {
    ...view,
    remembered: facts.remembered
      .filter((one) => Date.parse(one.at) <= now - youngMs)
      .filter((one) => one.used === 0 && !answered.has(key(one.agent.id, one.server, one.tool)))
      .map(({ id, agent, server, tool }) => ({ id, agent: agent.name, server, tool })),
    rules: facts.rules.filter((id) => !decided.has(`rule:${id}`)),
    agents: facts.agents.flatMap(({ name, grants }) =>
      grants
        .filter(({ lastUsedAt }) => lastUsedAt === undefined || Date.parse(lastUsedAt) < from)
        .map(({ id, server, lastUsedAt }) => ({
          id,
          name,
          server,
          ...(lastUsedAt === undefined ? {} : { lastUsedAt }),
        })),
    ),
    tools: facts.servers
      .filter(({ shared }) => shared)
      .flatMap(({ slug }) =>
        facts
          .tools(slug)
          .filter(({ access, state, name }) => access !== 'off' && state === 'approved' && !used.has(key(slug, name)))
          .map(({ name, pin }) => ({ server: slug, tool: name, pin })),
      ),
  };
}

function ending({ now, agents, certificates }: ReviewFacts): ReviewView['ending'] {
  const soon = (at: string): boolean => Date.parse(at) - now < endsSoonMs;
  return [
    ...certificates.filter(({ notAfter }) => soon(notAfter)).map(({ what, notAfter }) => ({ what, at: notAfter })),
    ...agents.flatMap(({ name, grants }) =>
      grants
        .filter(({ expiresAt }) => soon(expiresAt))
        .map(({ id, server, expiresAt }) => ({ what: 'grant' as const, at: expiresAt, id, name, server })),
    ),
  ];
}
