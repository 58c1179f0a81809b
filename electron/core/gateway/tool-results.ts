import { JsonNumber, JsonObject, memberAt } from '../../shared/json-tree.ts';
import { visibleText } from '../../shared/visible-text.ts';
import type { UpstreamAnswer, UpstreamInfo } from '../servers/upstream-session.ts';
import { envelopeKeys } from './era.ts';
import { cacheable, complete, legacyResult } from './era-fields.ts';
import type { Ending } from './judge.ts';
import { codes, errorResponse, relayedError, resultResponse } from './protocol-errors.ts';
import type { RequestContext } from './request-context.ts';
import { failedResult } from './stopped-result.ts';
import type { ToolList } from './tool-lists.ts';

/** A tool list as one agent may see it, in its era: one page, private to it. */
export function listResult(
  list: ToolList,
  visible: (tool: JsonObject) => boolean,
  eras: { readonly modern: boolean; readonly server: UpstreamInfo['era'] },
): JsonObject {
  const page = list.head.with('tools', list.tools.filter(visible)).with('nextCursor', undefined);
  if (eras.modern) return cacheable(page);
  return eras.server === 'modern' ? legacyResult('tools/list', page) : page;
}

/** MCP: the client lacks a capability that the server needs. */
const missingCapability = -32_021;
const hopCodes: readonly number[] = [codes.headerMismatch, missingCapability, codes.unsupportedVersion];

/**
 * Whether an error says that a capability is missing which the client itself did not declare: true of both hops. What it
 * did declare and nobody ticked is missing on the gateway's hop alone.
 */
function lacksCapability({ message }: RequestContext, error: JsonObject): boolean {
  const code = error.get('code');
  const required = memberAt(error, 'data', 'requiredCapabilities');
  if (!(code instanceof JsonNumber) || code.value !== missingCapability || !(required instanceof JsonObject))
    return false;
  const declared = memberAt(message.params, '_meta', envelopeKeys.capabilities);
  return [...required.members.keys()].some((name) => memberAt(declared, name) === undefined);
}

/** What the agent and the log get of a server's answer to a call. */
export function endingOf(context: RequestContext, callId: string, answer: UpstreamAnswer, ms: number): Ending {
  const { message, modern } = context;
  if ('error' in answer) {
    const code = memberAt(answer.error, 'code');
    const said = memberAt(answer.error, 'message');
    const error = `The server answered with an error: ${visibleText(typeof said === 'string' ? said : '', { max: 500 })}`;
    // These speak of the hop between gateway and server, which is not the agent's.
    const internal = !(code instanceof JsonNumber) || hopCodes.includes(code.value);
    const incapable = modern && lacksCapability(context, answer.error);
    const response =
      internal && !incapable
        ? errorResponse(message.id, codes.internal, 'The local server refused the request.')
        : relayedError(message.id, answer.error);
    const status = incapable ? { status: 400 } : {};
    return { outcome: 'failed', error, ms, message: response, result: answer.error, ...status };
  }
  const { result } = answer;
  if (!(result instanceof JsonObject)) {
    const failed = failedResult(
      'The local server gave an answer that is no result.',
      'server_wrong_output',
      callId,
      modern,
    );
    return { outcome: 'failed', error: 'The result is no object.', ms, message: resultResponse(message.id, failed) };
  }
  const sent = modern ? complete(result) : result;
  const isError = result.get('isError') === true;
  return {
    outcome: isError ? 'failed' : 'ran',
    ms,
    result: sent,
    message: resultResponse(message.id, sent),
    ...(isError ? { error: 'The tool reported an error.' } : {}),
  };
}

/**
 * Whether a result is a multi-round-trip one that asks for more. Each question in it was judged before it came here; for a
 * client of the legacy era they become requests (`multi-round.ts`).
 */
export function asksTheAgent(result: JsonObject): boolean {
  return result.get('resultType') === 'input_required';
}
