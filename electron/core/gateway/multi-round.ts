import { JsonObject, memberAt, parseJson, serializeJson } from '../../shared/json-tree.ts';
import type { UpstreamAnswer } from '../servers/upstream-session.ts';
import { codes, errorResponse } from './protocol-errors.ts';
import type { Reply } from './reply.ts';
import type { RequestContext } from './request-context.ts';

/** Rounds of questions that one request may take. */
const maxRounds = 16;

/**
 * Runs a request of a legacy client that a modern server may answer with `input_required` (MCP 2026-07-28,
 * multi-round-trip requests): what it asks is put to the client, and the request repeated with the answers. Each repetition
 * is a request of its own, judged and logged anew.
 */
export async function inRounds(
  context: RequestContext,
  run: (context: RequestContext) => Promise<void>,
  ask: (method: string, params: JsonObject | undefined) => Promise<UpstreamAnswer>,
): Promise<void> {
  const { message, reply } = context;
  const give = (code: number, text: string): void =>
    void reply.answer(serializeJson(errorResponse(message.id, code, text)));
  let current = context;
  for (let round = 0; ; round += 1) {
    const held = holdQuestions(reply);
    await run({ ...current, reply: held.reply });
    const asked = held.asked();
    if (!asked) return;
    if (round >= maxRounds) return give(codes.limit, `The local server asked more than ${maxRounds} times.`);
    let responses = new JsonObject();
    const requests = asked.get('inputRequests');
    for (const [key, request] of requests instanceof JsonObject ? requests.members : []) {
      const [method, params] = [memberAt(request, 'method'), memberAt(request, 'params')];
      const answer =
        typeof method === 'string' ? await ask(method, params instanceof JsonObject ? params : undefined) : undefined;
      // There is no way to tell a modern server that a question failed.
      if (!answer || 'error' in answer) {
        return give(
          codes.internal,
          'The local server asked for input that it did not get. The request did not finish.',
        );
      }
      responses = responses.with(key, answer.result);
    }
    const params = (message.params ?? new JsonObject())
      .with('inputResponses', responses.members.size > 0 ? responses : undefined)
      .with('requestState', asked.get('requestState'));
    current = { ...context, message: { ...message, params } };
  }
}

/** A way back that keeps a multi-round-trip result instead of sending it. */
function holdQuestions(reply: Reply): { readonly reply: Reply; asked(): JsonObject | undefined } {
  let asked: JsonObject | undefined;
  return {
    asked: () => asked,
    reply: {
      ...reply,
      answer(text, status, headers) {
        // Most answers are none, and need not be read a second time.
        const result = text.includes('"input_required"') ? memberAt(parseJson(text), 'result') : undefined;
        if (!(result instanceof JsonObject) || result.get('resultType') !== 'input_required') {
          return reply.answer(text, status, headers);
        }
        asked = result;
        return Buffer.byteLength(text);
      },
      delivered: async () => asked !== undefined || ((await reply.delivered?.()) ?? true),
    },
  };
}
