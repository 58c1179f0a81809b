import { randomBytes } from 'node:crypto';
import type { Call } from '../../shared/call.ts';
import type { Clock } from '../../shared/clock.ts';
import { type JsonNode, JsonObject } from '../../shared/json-tree.ts';
import type { ServerRequest, UpstreamAnswer, UpstreamRequestOptions } from '../servers/upstream-session.ts';
import { callDigest } from './call-digest.ts';
import type { Live } from './live.ts';
import { codes, errorBody } from './protocol-errors.ts';
import type { Question, Questions } from './questions.ts';
import type { RequestContext } from './request-context.ts';

/**
 * Requests of modern clients that are at a legacy server, which asks while it works: each question ends the client's
 * request with `input_required`, and the client's next one goes on where the server waits (MCP 2026-07-28,
 * multi-round-trip requests). The state is held here; what the client carries is only a handle to it.
 */
export interface Flights {
  /** Begins one. @param send forwards with these options */
  begin(
    context: RequestContext,
    call: Call,
    options: UpstreamRequestOptions,
    send: (options: UpstreamRequestOptions) => Promise<UpstreamAnswer>,
  ): Promise<UpstreamAnswer>;
  /**
   * Goes on with one that waits: the handle counts once, and only for the same request of the same agent.
   * @returns an error for the client where there is none such
   */
  goOn(context: RequestContext, call: Call, options: UpstreamRequestOptions): Promise<UpstreamAnswer>;
}

interface Flight {
  readonly binding: string;
  readonly answer: Promise<UpstreamAnswer>;
  readonly abort: AbortController;
  readonly open: Map<string, { readonly request: ServerRequest; question: Question | undefined }>;
  landed: boolean;
  asked: number;
  /** Takes the server's notifications while a request of the client is there to carry them. */
  carrier: UpstreamRequestOptions['onNotification'];
  /** Called when the server asks or withdraws. */
  wake: () => void;
}

/** How long a client, often a person at it, may take to answer. */
const patienceMs = 5 * 60_000;

/** Makes it. */
export function createFlights(deps: {
  readonly clock: Clock;
  readonly questions: Questions;
  readonly live: Live;
}): Flights {
  const { clock, questions, live } = deps;
  const waiting = new Map<string, { readonly flight: Flight; leave(): void }>();

  /** What a handle is good for: one agent's identical request under the same grant. */
  const bindingOf = ({ authorization, upstreamKey }: RequestContext, call: Call): string => {
    const { method, name, pin, server } = call;
    const digest = callDigest({ method, name, arguments: call.arguments, pin, agent: call.agent.id, server });
    return `${authorization.grantId} ${upstreamKey} ${digest}`;
  };

  const take = (flight: Flight, request: ServerRequest): void => {
    flight.asked += 1;
    const key = `question-${flight.asked}`;
    flight.open.set(key, { request, question: undefined });
    request.withdrawn.addEventListener('abort', () => {
      flight.open.get(key)?.question?.done('cancelled');
      flight.open.delete(key);
      flight.wake();
    });
    flight.wake();
  };

  /** Judges what is new; what may not be asked is answered at once. */
  const judgeOpen = async (flight: Flight, context: RequestContext): Promise<void> => {
    for (const [key, entry] of [...flight.open]) {
      if (entry.question) continue;
      const judged = await questions.judge(context, entry.request.method, entry.request.params);
      if ('error' in judged) {
        flight.open.delete(key);
        entry.request.answer(judged);
      } else if (flight.open.has(key)) entry.question = judged;
      else judged.done('cancelled');
    }
  };

  const park = (flight: Flight, context: RequestContext): UpstreamAnswer => {
    const { authorization, route } = context;
    const handle = randomBytes(24).toString('base64url');
    const give = (): void => flight.abort.abort();
    const forget = live.add({
      kind: 'held',
      agent: authorization.agent.id,
      grant: authorization.grantId,
      server: route.record.slug,
      end: give,
    });
    if (!forget) {
      give();
      return { error: errorBody(codes.limit, 'Too many calls of this agent wait for an answer already.') };
    }
    const stopTimer = clock.schedule(patienceMs, give);
    const leave = (): void => {
      waiting.delete(handle);
      stopTimer();
      forget();
    };
    waiting.set(handle, { flight, leave });
    const ended = (): void => {
      if (waiting.has(handle)) leave();
    };
    flight.answer.then(ended, ended);
    const requests = [...flight.open].map(([key, { question }]): [string, JsonNode] => [
      key,
      new JsonObject([
        ['method', question?.method ?? ''],
        ['params', question?.params ?? new JsonObject()],
      ]),
    ]);
    return {
      result: new JsonObject([
        ['resultType', 'input_required'],
        ['inputRequests', new JsonObject(requests)],
        ['requestState', handle],
      ]),
    };
  };

  /** Waits until the server answers or asks. */
  const leg = async (
    flight: Flight,
    context: RequestContext,
    options: UpstreamRequestOptions,
  ): Promise<UpstreamAnswer> => {
    const { signal } = options;
    const cancel = (): void => flight.abort.abort();
    flight.carrier = options.onNotification;
    if (signal?.aborted) cancel();
    signal?.addEventListener('abort', cancel, { once: true });
    try {
      for (;;) {
        const woken = new Promise<void>((resolve) => {
          flight.wake = resolve;
        });
        if (flight.open.size === 0) await Promise.race([flight.answer, woken]);
        if (flight.landed) return await flight.answer;
        await judgeOpen(flight, context);
        if (flight.landed) return await flight.answer;
        if (flight.open.size > 0 && !signal?.aborted) return park(flight, context);
        if (signal?.aborted) return await flight.answer;
      }
    } finally {
      signal?.removeEventListener('abort', cancel);
      flight.carrier = undefined;
    }
  };

  return {
    async begin(context, call, options, send) {
      const abort = new AbortController();
      const answer = send({
        ...options,
        signal: abort.signal,
        onNotification: (method, params) => flight.carrier?.(method, params),
        onServerRequest: (request) => take(flight, request),
      });
      const flight: Flight = {
        binding: bindingOf(context, call),
        answer,
        abort,
        open: new Map(),
        landed: false,
        asked: 0,
        carrier: undefined,
        wake: () => {},
      };
      const landed = (): void => {
        flight.landed = true;
        for (const { question, request } of flight.open.values()) {
          question?.done('cancelled');
          request.answer({ error: errorBody(codes.internal, 'The request that it belonged to is over.') });
        }
        flight.open.clear();
      };
      answer.then(landed, landed);
      return await leg(flight, context, options);
    },
    async goOn(context, call, options) {
      const { params } = context.message;
      const handle = params?.get('requestState');
      const parked = typeof handle === 'string' ? waiting.get(handle) : undefined;
      // A stranger's guess must not even end what waits.
      if (!parked || parked.flight.binding !== bindingOf(context, call)) {
        return { error: errorBody(codes.invalidParams, 'requestState is unknown, was used already, or has expired.') };
      }
      parked.leave();
      const { flight } = parked;
      options.onSent?.();
      const responses = params?.get('inputResponses');
      for (const [key, { request, question }] of [...flight.open]) {
        const response = responses instanceof JsonObject ? responses.get(key) : undefined;
        // What is missing is asked again.
        if (!(response instanceof JsonObject)) continue;
        flight.open.delete(key);
        question?.done('ran', { result: response });
        request.answer({ result: response });
      }
      return await leg(flight, context, options);
    },
  };
}
