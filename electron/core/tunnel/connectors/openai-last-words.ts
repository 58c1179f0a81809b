import { JsonObject } from '../../../shared/json-tree.ts';
import type { Claim } from './openai-journal.ts';
import { failurePayload, type ResponsePayload } from './openai-response.ts';
import type { Command } from './openai-wire.ts';

/**
 * What answers a command that was not carried out as it asked, for a reason of this client's own. Each says whether anything ran,
 * and no more than is known.
 */

/** Methods that change nothing: asked again after a restart they are simply answered again. */
const harmless: ReadonlySet<string> = new Set([
  'initialize',
  'ping',
  'server/discover',
  'tools/list',
  'prompts/list',
  'resources/list',
  'resources/templates/list',
]);

/** Whether running a command twice could matter. */
export function mayHaveEffect(command: Command): boolean {
  if (command.type !== 'jsonrpc' || !isRequest(command)) return false;
  const method = command.payload instanceof JsonObject ? command.payload.get('method') : undefined;
  return !(typeof method === 'string' && harmless.has(method));
}

/** It came before, and its answer was too much to keep, or there was none in time. */
export function lost(command: Command): ResponsePayload {
  return failed(command, 'This command was taken before; its answer is not there any more, and it was not run again.');
}

/** It came before Sallyport was started anew. */
export function afterRestart(command: Command, found: Exclude<Claim, 'new'>): ResponsePayload {
  return failed(
    command,
    found === 'answered'
      ? 'This command was carried out and answered before Sallyport was restarted; its answer is not there any more, and it was not run again.'
      : 'This command was taken before Sallyport was restarted. Whether it ran to its end is not known here; it was not run again. Look what it did before calling again.',
  );
}

/** The note that keeps it from running twice could not be written. */
export function notNoted(command: Command): ResponsePayload {
  return failed(command, 'Sallyport could not note this command on its disk, so it did not run.');
}

/** It named no time, and took longer than any command may. `undefined` where nobody waits for words. */
export function outOfTime(command: Command): ResponsePayload | undefined {
  if (!isRequest(command)) return undefined;
  const words = 'The call took longer than ten minutes and was cancelled.';
  return failurePayload(command.idText, 504, words, { source: 'timeout', kind: 'timeout' });
}

/** Its answer was more than the service takes. */
export function tooLarge(command: Command): ResponsePayload {
  const error = { code: -31_002, message: 'The answer is larger than the tunnel takes. Ask for less at a time.' };
  return {
    type: 'jsonrpc_response',
    status: 200,
    json: `{"jsonrpc":"2.0","id":${command.idText},"error":${JSON.stringify(error)}}`,
    headers: { 'content-type': 'application/json' },
  };
}

function isRequest({ payload }: Command): boolean {
  return payload instanceof JsonObject && payload.get('id') !== undefined && payload.get('method') !== undefined;
}

function failed(command: Command, words: string): ResponsePayload {
  if (command.type === 'session_termination') return { type: 'session_termination_response', status: 404 };
  if (command.type === 'jsonrpc' && command.payload !== undefined && !isRequest(command)) {
    return { type: 'notify_ack', status: 202 };
  }
  return failurePayload(command.idText, 500, words, { source: 'client_internal' });
}
