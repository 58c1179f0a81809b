import type { Call, Decision } from '../../shared/call.ts';
import { SallyportError } from '../../shared/errors.ts';
import { type JsonNode, JsonObject, parseJson } from '../../shared/json-tree.ts';
import type { RememberedAnswers } from '../approvals/remembered-answers.ts';
import { isFit } from './canaries.ts';
import { type PausedAgents, pausesAgent } from './paused-agents.ts';
import type { Policy } from './policy.ts';

/** How asks are taken, and what of that is remembered in the session (`design.md` §6). */
export interface ReplayAnswers {
  readonly answer: 'allow' | 'deny';
  readonly remember: 'once' | 'arguments' | 'tool';
}

/** What replay prints for one call. */
export interface ReplayedCall {
  /** Counts call lines from 0. */
  readonly index: number;
  readonly decision: Decision['effect'];
  readonly class: Decision['class'];
  readonly reasons: readonly string[];
  readonly risk: number;
}

/** What {@link createReplay} needs. */
export interface ReplayDeps extends ReplayAnswers {
  /** With every class ticked and calls without a definition taken: {@link replayAccess}. */
  readonly policy: Policy;
  readonly remembered: Pick<RememberedAnswers, 'match' | 'denial' | 'add'>;
  /** What may be remembered of an answer to this decision. */
  readonly rememberable: (decision: Decision) => {
    readonly scopes: readonly string[];
    readonly durations: readonly string[];
  };
  /** Watches for a value from here on. */
  readonly plant: (value: string, note: string) => void;
  /** Agents that a budget or a planted value paused. */
  readonly agents: Pick<PausedAgents, 'pause'>;
  readonly digestOf: (call: Omit<Call, 'digest'>) => string;
  /** The time of the replay, which the lines move. */
  readonly clock: { now(): number; set(now: number): void };
}

/** Every tool is ticked in a replay: read runs, the others ask. */
export const replayAccess = { read: 'allow', effect: 'ask', dangerous: 'ask' } as const;

/** Takes the lines of a recording in order. */
export interface Replay {
  /**
   * @returns what a call line came to; undefined for other lines
   * @throws SallyportError `replay_invalid` at hop `policy` for a line that is none
   */
  line(text: string): ReplayedCall | undefined;
  /** The session that the next call belongs to, counted from 0. */
  session(): number;
}

const agent = { id: 'token:replay', name: 'replay' } as const;
const stepMs = 1_000;

/** Decides recorded calls as the gateway would: the same policy, and the same remembered answers. */
export function createReplay(deps: ReplayDeps): Replay {
  const { policy, remembered, clock } = deps;
  const listed = new Set<string>();
  let session = 0;
  let index = 0;

  const takeTools = (line: JsonObject): void => {
    const server = textOf(line, 'server');
    const tools = line.get('tools');
    if (!Array.isArray(tools)) throw bad('"tools" must be a list of definitions');
    const definitions = (tools as readonly JsonNode[]).map((one, at) => {
      if (!(one instanceof JsonObject)) throw bad(`"tools"[${at}] must be a definition, which is an object`);
      return one;
    });
    if (listed.has(server)) policy.observe(server, definitions);
    else policy.approveAll(server, definitions);
    listed.add(server);
  };

  const takeCall = (line: JsonObject, bytesIn: number): ReplayedCall => {
    const server = textOf(line, 'server');
    const name = textOf(line, 'tool');
    const args = line.get('arguments') ?? undefined;
    if (args !== undefined && !(args instanceof JsonObject)) throw bad('"arguments" must be an object');
    const given = line.get('agent');
    const named = given instanceof JsonObject ? (given.get('name') ?? given.get('id')) : given;
    const pin = policy.pinOf(server, name);
    const bare = {
      id: `replay-${index}`,
      at: new Date(clock.now()).toISOString(),
      agent: typeof named === 'string' && named !== '' ? { id: `token:${named}`, name: named } : agent,
      agentSession: `session-${session}`,
      server,
      method: 'tools/call',
      name,
      ...(args === undefined ? {} : { arguments: args }),
      ...(pin === undefined ? {} : { pin }),
      era: '2025-11-25',
      bytesIn,
    } as const;
    const call: Call = { ...bare, digest: deps.digestOf(bare) };
    const decided = policy.decide(call);
    if (pausesAgent(decided)) deps.agents.pause(call.agent, decided.reasons[0] ?? decided.rule);
    const { decision, runs } = settle(call, decided);
    if (runs) {
      policy.ran(call);
      const result = line.get('result');
      if (result !== undefined && result !== null) policy.saw(call, result, clock.now());
    }
    const { effect, reasons, risk } = decision;
    index += 1;
    return { index: index - 1, decision: effect, class: decision.class, reasons, risk };
  };

  /** What a person and what they wanted remembered make of a decision. */
  const settle = (call: Call, decision: Decision): { decision: Decision; runs: boolean } => {
    if (decision.effect === 'deny') return { decision, runs: false };
    if (decision.effect === 'allow') {
      const said = remembered.denial(call);
      return said ? { decision: denied(decision), runs: false } : { decision, runs: true };
    }
    const known = remembered.match(call, decision);
    if (known?.effect === 'deny') return { decision: denied(decision), runs: false };
    if (known) {
      const reasons = ['You allowed it before, for this session.', ...decision.reasons];
      return { decision: { ...decision, effect: 'allow', reasons }, runs: true };
    }
    const { scopes, durations } = deps.rememberable(decision);
    if (deps.remember !== 'once' && scopes.includes(deps.remember) && durations.includes('session')) {
      remembered.add(call, {
        id: `answer-${index}`,
        effect: deps.answer,
        scope: deps.remember,
        duration: 'session',
      });
    }
    return { decision, runs: deps.answer === 'allow' };
  };

  return {
    session: () => session,
    line(text) {
      const node = parsed(text.replace(/^\uFEFF/, ''));
      if (!(node instanceof JsonObject)) throw bad('a line is one JSON object');
      const at = node.get('at');
      const type = node.get('type');
      if (at !== undefined && at !== null) {
        const time = typeof at === 'string' && /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d/.test(at) ? Date.parse(at) : Number.NaN;
        if (Number.isNaN(time)) throw bad('"at" must be a time as in RFC 3339');
        clock.set(time);
      } else if (type === 'call') clock.set(clock.now() + stepMs);
      if (type === 'tools') takeTools(node);
      else if (type === 'session') session += 1;
      else if (type === 'canary') {
        const note = node.get('note');
        const value = textOf(node, 'value');
        if (!isFit(value)) throw bad('"value" must have at least ten letters and digits that nothing else has');
        deps.plant(value, typeof note === 'string' ? note : 'in the recording');
      } else if (type === 'call') return takeCall(node, text.length);
      else
        throw bad(
          `"type" must be "tools", "session", "canary" or "call"${typeof type === 'string' ? `, not "${type.slice(0, 40)}"` : ''}`,
        );
      return undefined;
    },
  };
}

function denied(decision: Decision): Decision {
  return { ...decision, effect: 'deny', reasons: ['You denied it before, for this session.', ...decision.reasons] };
}

function parsed(text: string): JsonNode {
  try {
    return parseJson(text);
  } catch (error) {
    throw bad(error instanceof Error ? error.message : 'not JSON');
  }
}

function textOf(line: JsonObject, name: string): string {
  const value = line.get(name);
  if (typeof value !== 'string' || value === '') throw bad(`"${name}" must be a text`);
  return value;
}

function bad(why: string): SallyportError {
  return new SallyportError('replay_invalid', 'policy', `${why.replace(/\.$/, '')}.`, {
    hint: 'docs/policy.md describes the lines of a recording.',
  });
}

/** What a replay came to. */
export interface ReplaySummary {
  readonly calls: number;
  readonly allow: number;
  readonly ask: number;
  readonly deny: number;
  readonly sessions: number;
  /** Questions in each session, in order. */
  readonly asks: readonly number[];
}

/** Counts what a replay comes to, call by call. */
export function createTally(): {
  /** @param session of the call, counted from 0 */
  took(call: ReplayedCall, session: number): void;
  /** @param last the session that the recording ended in */
  summary(last: number): ReplaySummary;
} {
  const counts = { allow: 0, ask: 0, deny: 0 };
  const asks: number[] = [];
  return {
    took({ decision }, session) {
      counts[decision] += 1;
      if (decision === 'ask') asks[session] = (asks[session] ?? 0) + 1;
    },
    summary: (last) => ({
      calls: counts.allow + counts.ask + counts.deny,
      ...counts,
      sessions: last + 1,
      asks: Array.from({ length: last + 1 }, (_, at) => asks[at] ?? 0),
    }),
  };
}
