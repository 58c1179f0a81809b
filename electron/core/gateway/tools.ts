import { randomUUID } from 'node:crypto';
import type { Answer, Call, Decision } from '../../shared/call.ts';
import { type Clock, timestamp } from '../../shared/clock.ts';
import { type JsonNode, JsonObject, memberAt } from '../../shared/json-tree.ts';
import type { Approvals } from '../approvals/approvals.ts';
import type { Policy } from '../policy/policy.ts';
import type { Decided, Judged, RequestLog } from '../request-log/request-log.ts';
import type { UpstreamAnswer } from '../servers/upstream-session.ts';
import { breathe } from './breathe.ts';
import { callDigest } from './call-digest.ts';
import type { Carry } from './carry.ts';
import {
  agentPaused,
  beyondScope,
  failed,
  over,
  overBudget,
  pausedEnding,
  refused,
  stopped,
  unavailable,
  unknownTool,
} from './endings.ts';
import { legacyResult } from './era-fields.ts';
import { createHeldProgress, type HeldProgress } from './held-progress.ts';
import { builtIn, type Ending, type Judge } from './judge.ts';
import type { KeptResults } from './kept-results.ts';
import type { Live } from './live.ts';
import type { MaskedResults } from './masked-results.ts';
import { paramHeaderProblem } from './param-headers.ts';
import { codes, relayedError, resultResponse } from './protocol-errors.ts';
import { connection, type RequestContext } from './request-context.ts';
import { failedResult } from './stopped-result.ts';
import type { ToolLists } from './tool-lists.ts';
import { endingOf, listResult } from './tool-results.ts';
import type { Upstreams } from './upstreams.ts';

/** `tools/list` and `tools/call`, the same for both eras. */
export interface Tools {
  list(context: RequestContext): Promise<void>;
  call(context: RequestContext): Promise<void>;
}

/** What {@link createTools} needs. */
export interface ToolsDeps {
  readonly clock: Clock;
  readonly policy: Policy;
  readonly approvals: Pick<Approvals, 'settle' | 'denial'>;
  readonly log: Pick<RequestLog, 'permit' | 'answered' | 'decided' | 'note'>;
  readonly paused: () => { readonly at: string } | undefined;
  readonly judge: Judge;
  readonly lists: ToolLists;
  readonly upstreams: Upstreams;
  readonly live: Live;
  readonly carry: Carry;
  readonly kept: KeptResults;
  readonly masked: MaskedResults;
  /** Adds a tool to a grant. @returns false if that cannot be */
  readonly widen: (grantId: string, tool: string) => boolean;
}

/** What the person wrote in place of a call's arguments, and where. */
interface Edited {
  readonly edited: JsonObject;
  readonly by: string;
}

const longestName = 256;
const stepUpRule = 'step-up';
const beyondRule = 'insufficient-scope';
const keptDecision = builtIn('allow', 'kept-result', 'It ran before, and its result could not be delivered.');

/** Makes them. */
export function createTools(deps: ToolsDeps): Tools {
  const { clock, policy, approvals, log, paused, judge, lists, upstreams, live, carry, kept, masked, widen } = deps;

  /** Whether an agent may know of this definition at all. */
  const visible = (context: RequestContext, definition: JsonObject): boolean => {
    const { tools } = context.authorization;
    const name = definition.get('name');
    if (tools !== undefined && !(typeof name === 'string' && tools.includes(name))) return false;
    return policy.exposes(context.route.record.slug, definition);
  };

  const decideCall = (context: RequestContext, call: Call, hidden: boolean): Decision => {
    if (paused()) return builtIn('deny', 'paused', 'Sallyport is paused.');
    const problem = paramsProblem(context.message.params);
    if (problem) return builtIn('deny', 'invalid-params', problem);
    const decision = policy.decide(call);
    if (decision.effect === 'deny') return decision;
    if (hidden) return { ...decision, ...builtIn('deny', 'unknown-tool', 'The tool is off or unknown.') };
    if (beyond(context, call.name) !== undefined) {
      const why = `What ${call.agent.name} was granted does not cover ${call.name}.`;
      // A modern client asks for more by itself; an older one would only fail, so its call waits for the person here.
      if (context.modern) return { ...decision, ...builtIn('deny', beyondRule, why), class: decision.class };
      const reasons = [`${why} Allowing adds it to the grant.`, ...decision.reasons];
      return { ...decision, effect: 'ask', rule: `built-in:${stepUpRule}`, reasons };
    }
    const said = decision.effect === 'allow' ? approvals.denial(call) : undefined;
    if (said) return { ...decision, effect: 'deny', ...rememberedDenial(said.reason) };
    if (!kept.has(call)) {
      // Counted in the same turn in which it was decided, so that a burst cannot overrun a budget.
      if (decision.effect === 'allow') policy.ran(call);
      return decision;
    }
    return { ...decision, ...keptDecision, risk: decision.risk, class: decision.class };
  };

  /** Off and unknown are one thing to an agent. A changed definition is known, and blocked by policy. */
  const isKnown = (context: RequestContext, name: string | undefined): boolean => {
    const { tools, stepUp } = context.authorization;
    if (name === undefined || (tools !== undefined && !tools.includes(name) && !stepUp)) return false;
    const view = policy.tool(context.route.record.slug, name);
    return view !== undefined && (view.state === 'changed' || (view.state === 'approved' && view.access !== 'off'));
  };

  /** The challenge for a tool that is exposed, but not within a grant that could be widened. */
  const beyond = (context: RequestContext, name: string | undefined): string | undefined => {
    const { tools, stepUp } = context.authorization;
    if (name === undefined || !stepUp || tools === undefined || tools.includes(name)) return undefined;
    return stepUp(name).challenge;
  };

  const carryOutCall = async (context: RequestContext, judged: Judged, hidden: boolean): Promise<Ending> => {
    const { call, decision } = judged;
    if (decision.rule === 'built-in:paused') return stopped(context, call, 'paused', {});
    const problem = paramsProblem(context.message.params);
    if (problem) return refused(context, codes.invalidParams, problem);
    if (hidden) return unknownTool(context, call);
    const challenge = beyond(context, call.name);
    if (decision.rule === `built-in:${beyondRule}`) return beyondScope(context, call.name ?? '', challenge ?? '');
    if (decision.rule === 'agent:paused' || decision.rule === 'canary:leaves') return agentPaused(context, call);
    if (decision.rule === 'budget:pause') return overBudget(context, call, decision.reasons[0]);
    if (decision.effect === 'deny') return stopped(context, call, 'denied', { reason: decision.reasons[0] });
    if (decision.rule === keptDecision.rule) return again(context, call);
    const known = lists.known(call.server, call.name ?? '');
    const early = known && headerProblem(context, known);
    if (early) return early;
    const progress = createHeldProgress(context.message.params, context.reply, clock);
    const permitted = decision.effect === 'allow' ? log.permit(judged) : await ask(context, judged, progress);
    if ('message' in permitted) return permitted;
    if ('edited' in permitted) return await runEdited(context, judged, permitted, progress);
    if (decision.rule === `built-in:${stepUpRule}` && !widen(context.authorization.grantId, call.name ?? '')) {
      return stopped(context, call, 'denied', { reason: 'The grant ended meanwhile.' });
    }
    return await run(context, permitted, progress);
  };

  /** The ending of a call that ran, which keeps its result if nobody is there to take it. */
  const ran = (context: RequestContext, call: Call, ending: Ending): Ending => {
    const { result } = ending;
    // What asks for more holds a handle that counts once: it is of no use to a later call.
    if (result === undefined || memberAt(result, 'resultType') === 'input_required') return ending;
    const undelivered = (): (() => boolean) => {
      kept.keep(call, context.authorization.grantId, result);
      return () => kept.claim(call, result);
    };
    return { ...ending, undelivered };
  };

  const again = (context: RequestContext, call: Call): Ending => {
    const result = kept.take(call) ?? null;
    // It may have been kept for a client of the other era.
    const given = result instanceof JsonObject && !context.modern ? legacyResult(call.method, result) : result;
    return ran(context, call, endingOf(context, call.id, { result: given }, 0));
  };

  /**
   * Runs a call with the arguments that the person put in place of the agent's: another call, judged and logged by itself. What
   * denies it denies it; what would ask was answered by whoever wrote it.
   */
  const runEdited = async (
    context: RequestContext,
    judged: Judged,
    { edited, by }: Edited,
    progress: HeldProgress,
  ): Promise<Ending> => {
    const { call: asked } = judged;
    const { header: _mirrored, ...rest } = context;
    const params = (context.message.params ?? new JsonObject()).with('arguments', edited);
    const changed: RequestContext = { ...rest, message: { ...context.message, params } };
    const digest = callDigest({
      method: asked.method,
      name: asked.name,
      arguments: edited,
      inputResponses: asked.inputResponses,
      pin: asked.pin,
      agent: asked.agent.id,
      server: asked.server,
    });
    const call: Call = Object.freeze({ ...asked, id: randomUUID(), at: timestamp(clock), arguments: edited, digest });
    const decision = policy.decide(call);
    const instead = log.decided(call, decision);
    if (decision.effect === 'deny') {
      const reason = `The person changed the arguments, and these are not allowed: ${decision.reasons[0] ?? decision.rule}`;
      return { ...stopped(context, call, 'denied', { reason }), instead };
    }
    const decided =
      decision.effect === 'allow' ? log.permit(instead) : log.answered(instead, { outcome: 'allowed', by, after: 0 });
    if (!decided) return { ...stopped(context, call, 'denied', {}), instead };
    policy.ran(call);
    return { ...(await run(changed, decided, progress, asked)), instead };
  };

  const ask = async (
    context: RequestContext,
    judged: Judged,
    progress: HeldProgress,
  ): Promise<Decided | Ending | Edited> => {
    const { reply, life, authorization, route } = context;
    const forget = live.add({
      kind: 'held',
      agent: authorization.agent.id,
      grant: authorization.grantId,
      server: route.record.slug,
      end: () => {},
    });
    if (!forget) {
      const reason = 'Too many calls of this agent wait for an answer already.';
      log.answered(judged, { outcome: 'denied', reason });
      return stopped(context, judged.call, 'denied', { reason });
    }
    reply.hold();
    progress.start();
    let answer: Answer;
    try {
      answer = await approvals.settle(judged.call, judged.decision, {
        signal: life.open,
        cancelled: () => life.why === 'cancelled',
      });
    } finally {
      progress.stop();
      forget();
    }
    const { arguments: edited, ...said } = answer;
    if (answer.outcome === 'allowed' && edited !== undefined) {
      log.answered(judged, { ...said, outcome: 'denied', reason: 'You changed its arguments.' });
      return { edited, by: answer.by ?? 'permit' };
    }
    const decided = log.answered(judged, said);
    if (decided) {
      policy.ran(judged.call);
      return decided;
    }
    if (life.why !== undefined) return over(context, judged.call, false);
    const outcome = answer.outcome === 'allowed' ? 'denied' : answer.outcome;
    return stopped(context, judged.call, outcome, answer);
  };

  /** Everything between the permission and the server's answer; what changed meanwhile stops it. */
  const run = async (
    context: RequestContext,
    decided: Decided,
    progress: HeldProgress,
    askedAs: Call = decided.call,
  ): Promise<Ending> => {
    const { call } = decided;
    const { life, route } = context;
    let sentAt: number | undefined;
    const elapsed = (): number => (sentAt === undefined ? 0 : Math.round((clock.monotonic() - sentAt) * 10) / 10);
    try {
      if (life.open.aborted) return over(context, call, false);
      const session = await upstreams.connect(route.record, context.upstreamKey, connection(context));
      const answer = await lists.of(route.record.slug, session);
      const definition = 'list' in answer ? answer.list.byName.get(call.name ?? '') : undefined;
      if (!definition) return unknownTool(context, call);
      if (paused()) return stopped(context, call, 'paused', {});
      if (!policy.exposes(call.server, definition) || policy.pinOf(call.server, call.name ?? '') !== call.pin) {
        const reason = 'The tool was changed or switched off since it was allowed.';
        return stopped(context, call, 'denied', { reason });
      }
      // Where paths in the arguments lead may have changed while the call waited (security.md S10).
      const now = policy.decide(call);
      if (now.rule === 'agent:paused' || now.rule === 'canary:leaves') return agentPaused(context, call);
      if (now.effect === 'deny') return stopped(context, call, 'denied', { reason: now.reasons[0] });
      const wrong = headerProblem(context, definition);
      if (wrong) return wrong;
      if (life.open.aborted) return over(context, call, false);
      const result = await carry(context, decided, session, {
        onSent: () => {
          sentAt ??= clock.monotonic();
        },
        passes: progress.passes,
      });
      const ms = elapsed();
      const { grantId } = context.authorization;
      const sent = await faithfulOrHarmless(call, result, definition, { call: askedAs, grant: grantId });
      return ran(context, askedAs, endingOf(context, call.id, sent, ms));
    } catch (thrown) {
      const sent = sentAt !== undefined;
      return { ...(life.run.aborted ? over(context, call, sent) : failed(context, call, thrown, sent)), ms: elapsed() };
    }
  };

  /** What the agent gets of a server's answer (`security.md` S16): labels note what came, secrets are masked. */
  const faithfulOrHarmless = async (
    call: Call,
    answer: UpstreamAnswer,
    definition: JsonObject,
    owner: { readonly call: Call; readonly grant: string },
  ): Promise<UpstreamAnswer> => {
    const came = 'error' in answer ? answer.error : answer.result;
    await breathe(came);
    policy.saw(call, came, clock.now());
    await breathe(came);
    if (!(came instanceof JsonObject)) return answer;
    const { result, withheld, kinds, unseen } = await policy.masked(call, came, definition);
    if (kinds.length > 0 && 'result' in answer) {
      masked.note({ id: call.id, ...owner, original: came, kinds, withheld: withheld !== undefined });
    }
    if (unseen > 0) {
      const message = `A result of ${call.name ?? call.method} holds ${unseen} characters that nobody sees.`;
      log.note({ kind: 'server', server: call.server, message });
    }
    if ('error' in answer) return { error: result };
    if (withheld === undefined) return { result };
    const text = `The call ran, but its result was not sent. ${withheld} The person who runs Sallyport can send it: once they did, call again with the same arguments.`;
    return { result: failedResult(text, 'secret_withheld', call.id, false) };
  };

  const headerProblem = (context: RequestContext, definition: JsonObject): Ending | undefined => {
    if (!context.header) return undefined;
    const problem = paramHeaderProblem(definition, context.message.params?.get('arguments'), context.header);
    return problem === undefined ? undefined : refused(context, codes.headerMismatch, problem, 400);
  };

  return {
    list: (context) =>
      judge.judge(
        context,
        {},
        () => (paused() ? builtIn('deny', 'paused', 'Sallyport is paused.') : builtIn('allow', 'list', 'Lists tools.')),
        async (judged) => {
          const { message, life, modern, route } = context;
          if (judged.decision.effect === 'deny') return pausedEnding(context);
          log.permit(judged);
          // Every list is one page here, so no cursor was ever given out.
          if (message.params?.get('cursor') !== undefined)
            return refused(context, codes.invalidParams, 'Unknown cursor.');
          const started = clock.monotonic();
          try {
            const session = await upstreams.connect(route.record, context.upstreamKey, connection(context));
            const answer = await lists.read(route.record.slug, session, life.run);
            const ms = Math.round((clock.monotonic() - started) * 10) / 10;
            if ('error' in answer) {
              return {
                outcome: 'failed',
                ms,
                error: 'The server did not list its tools.',
                message: relayedError(message.id, answer.error),
              };
            }
            const result = listResult(answer.list, (tool) => visible(context, tool), {
              modern,
              server: session.info.era,
            });
            return { outcome: 'ran', ms, message: resultResponse(message.id, result) };
          } catch (thrown) {
            if (life.run.aborted) return over(context, judged.call, false);
            return unavailable(context, thrown);
          }
        },
      ),
    call: (context) => {
      const { message, route } = context;
      const problem = paramsProblem(message.params);
      const named = message.params?.get('name');
      const name = typeof named === 'string' ? named.slice(0, longestName) : undefined;
      const hidden = !isKnown(context, name);
      return judge.judge(
        context,
        {
          name,
          arguments: problem ? undefined : message.params?.get('arguments'),
          inputResponses: message.params?.get('inputResponses'),
          pin: name === undefined ? undefined : policy.pinOf(route.record.slug, name),
        },
        (call) => decideCall(context, call, hidden),
        (judged) => carryOutCall(context, judged, hidden),
      );
    },
  };
}

/** What a remembered denial is, as a decision. */
export function rememberedDenial(reason: string | undefined): { readonly rule: string; readonly reasons: string[] } {
  return { rule: 'remembered:deny', reasons: [reason ?? 'You denied this before and wanted it remembered.'] };
}

function paramsProblem(params: JsonObject | undefined): string | undefined {
  const name: JsonNode | undefined = params?.get('name');
  if (typeof name !== 'string' || name === '' || name.length > longestName) {
    return `params.name must be a text of 1 to ${longestName} characters.`;
  }
  const given = params?.get('arguments');
  return given === undefined || given instanceof JsonObject ? undefined : 'params.arguments must be an object.';
}
