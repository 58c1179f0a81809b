import type { Clock } from '../../../shared/clock.ts';
import { asSallyportError, type SallyportError } from '../../../shared/errors.ts';
import { type JsonNode, type JsonObject, parseJson, serializeJson } from '../../../shared/json-tree.ts';
import { type Conversation, createConversation, type Wire } from '../conversation.ts';
import { type ClientIdentity, initializeParams, readDiscover, readInitialize } from '../era.ts';
import { quoted, ServerFailure } from '../failure.ts';
import { answeredId, cancelledMessage, errorCode, errorMessage } from '../json-rpc.ts';
import type { OwnSession } from '../own-session.ts';
import type { UpstreamInfo } from '../upstream-session.ts';
import type { ChildEnvironment } from './child-environment.ts';
import { type ChildExit, type KeptChild, startKeptChild } from './kept-child.ts';
import { createLineReader } from './line-reader.ts';
import { createServerWords, type ServerWords } from './server-words.ts';

/** Longest message of a stdio server, in bytes (issue 4, upstream side). */
const maxMessage = 10 * 1024 * 1024;
/** Bytes that may wait for a server that does not read. */
const maxUnread = 32 * 1024 * 1024;
/** Lines on stdout that are no messages, until the server counts as broken. */
const maxStrays = 1_000;
/** How long stdout may still be read after the child is gone: something that left its group can hold it open. */
const drainMs = 500;

/** Cause of the failure where a server answered the handshake with an error: it may speak the other era. */
export const refusedHandshake = Symbol('refused handshake');

/** What a stdio conversation is opened with. */
export interface StdioSessionOptions {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly environment: ChildEnvironment;
  readonly cwd: string;
  readonly clock: Clock;
  readonly client: ClientIdentity;
  /** What a legacy server is told that it may ask for. */
  readonly capabilities?: JsonObject;
  readonly modern: boolean;
  /** Milliseconds until the server must have answered the handshake. */
  readonly startMs: number;
  readonly onStderr: (line: string) => void;
  /** Ends a start that nobody wants any more. */
  readonly signal: AbortSignal;
}

/**
 * Starts a child and opens the conversation with it: `initialize`, or `server/discover` for a modern server.
 * @throws ServerFailure `server_not_ready` with the server's last words; nothing of it runs then
 */
export async function openStdioSession(options: StdioSessionOptions): Promise<OwnSession> {
  const link = await openLink(options);
  try {
    const info = await handshake(link.conversation, options, link.words);
    return link.session(info);
  } catch (thrown) {
    const failure = startFailure(asSallyportError(thrown, 'server'), options, link.words);
    await link.stop(0);
    throw failure;
  }
}

async function handshake(
  conversation: Conversation,
  options: StdioSessionOptions,
  words: ServerWords,
): Promise<UpstreamInfo> {
  const { name } = options;
  const wait = { timeoutMs: options.startMs, signal: options.signal };
  const method = options.modern ? 'server/discover' : 'initialize';
  const params = options.modern ? undefined : initializeParams(options.client, options.capabilities);
  const answer = await conversation.request(method, params, wait);
  if ('error' in answer) {
    const said = quoted(words.mask(errorMessage(answer.error)));
    throw new ServerFailure(
      'server_not_ready',
      'wrong-output',
      `${name} refused ${method} with error ${errorCode(answer.error) ?? 'without a number'}: ${said}.`,
      { cause: refusedHandshake },
    );
  }
  const info = options.modern ? readDiscover(answer.result) : readInitialize(answer.result);
  if (!info) {
    throw new ServerFailure(
      'server_not_ready',
      'wrong-output',
      `${name} answered ${method} with something that is no MCP answer or names an unknown revision.`,
    );
  }
  if (!options.modern) conversation.notify('notifications/initialized', undefined);
  return info;
}

/** A running child with a conversation over its stdin and stdout, before any handshake. */
export interface StdioLink {
  readonly conversation: Conversation;
  readonly words: ServerWords;
  stop(graceMs: number): Promise<void>;
  session(info: UpstreamInfo): OwnSession;
}

/** Starts the child. @throws ServerFailure `server_not_ready`: the command is not found or cannot be started */
export async function openLink(options: StdioSessionOptions): Promise<StdioLink> {
  const { clock, name } = options;
  const words = createServerWords(options.environment.secret, clock, options.onStderr);
  const child = await startKeptChild({ ...options, env: options.environment.variables });
  let stopping = false;
  let failure: ServerFailure | undefined;
  const conversation = createConversation({
    name,
    clock,
    client: options.client,
    modern: options.modern,
    wire: childWire(child, name),
  });

  const breakOff = (broken: ServerFailure): void => {
    failure ??= broken;
    conversation.end(broken, false);
    void child.stop(0);
  };
  const unreadable = (line: Uint8Array, reason: SallyportError): void => {
    const id = answeredId(line);
    if (id !== undefined && conversation.waits(id)) {
      const message = `${name} answered with what is not acceptable JSON. ${reason.message}`;
      conversation.fail(id, new ServerFailure('server_wrong_output', 'wrong-output', message));
      return;
    }
    words.stray(line);
    if (words.strays > maxStrays) {
      const first = quoted(words.firstStray ?? '');
      breakOff(wrong(`${name} keeps printing what is no MCP message, first ${first}.`));
    }
  };
  const reader = createLineReader(
    maxMessage,
    (line) => {
      let node: JsonNode;
      try {
        node = parseJson(line);
      } catch (thrown) {
        unreadable(line, asSallyportError(thrown, 'server'));
        return;
      }
      if (typeof node === 'object' && node !== null) conversation.receive(node);
      else words.stray(line);
    },
    () => breakOff(wrong(`${name} sent a line longer than ${maxMessage / 1024 / 1024} MiB.`)),
  );
  child.stdout.on('data', (chunk: Buffer) => reader.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => words.stderr(chunk));
  const ended = Promise.all([streamEnd(child.stdout), streamEnd(child.stderr)]);

  const closed = (async (): Promise<ServerFailure | undefined> => {
    const exit = await child.exited;
    await Promise.race([ended, new Promise<void>((resolve) => clock.schedule(drainMs, resolve))]);
    child.stdout.destroy();
    child.stderr.destroy();
    reader.end();
    words.end();
    const idle = conversation.inFlight === 0;
    const gone = failure ?? exitFailure(name, exit, words, conversation.understood === 0);
    conversation.end(gone, false);
    if (stopping && !failure) return undefined;
    // A server may end by itself when it has nothing to do; that is no crash.
    return !failure && idle && exit.code === 0 ? undefined : gone;
  })();

  const stop = async (graceMs: number): Promise<void> => {
    stopping = true;
    conversation.end(
      new ServerFailure('server_gone', 'crashed', `${name} was stopped.`, {
        hint: 'What it was doing may have happened.',
      }),
      true,
    );
    await child.stop(graceMs);
    await closed;
  };
  return {
    conversation,
    words,
    stop,
    session: (info) => ({
      info,
      request: conversation.request,
      notify: conversation.notify,
      onNotification: conversation.onNotification,
      onServerRequest: conversation.onServerRequest,
      stop,
      closed,
      get inFlight() {
        return conversation.inFlight;
      },
    }),
  };
}

function childWire(child: KeptChild, name: string): Wire {
  const write = (text: string): void => {
    child.stdin.write(`${oneLine(text)}\n`);
  };
  const fits = (): boolean => child.stdin.writable && child.stdin.writableLength < maxUnread;
  return {
    request(message) {
      if (!child.stdin.writable) throw new ServerFailure('server_gone', 'crashed', `${name} no longer reads.`);
      if (!fits()) throw new ServerFailure('server_unreachable', 'crashed', `${name} does not read what it is sent.`);
      message.onSent();
      write(message.text);
    },
    post(text) {
      if (fits()) write(text);
    },
    cancel(id) {
      if (fits()) write(serializeJson(cancelledMessage(id)));
    },
  };
}

/**
 * Some readers end a line also at U+0085, U+2028 and U+2029 (Node's readline does), which JSON lets stand inside strings:
 * an argument could then hold what such a server takes for a message of its own, one that nobody decided.
 */
function oneLine(text: string): string {
  return text.replace(/[\u0085\u2028\u2029]/g, (end) => `\\u${end.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

function streamEnd(stream: NodeJS.ReadableStream): Promise<void> {
  return new Promise((resolve) => {
    stream.once('end', resolve);
    stream.once('close', resolve);
    stream.once('error', () => resolve());
  });
}

function wrong(message: string, code = 'server_wrong_output'): ServerFailure {
  return new ServerFailure(code, 'wrong-output', message, {
    hint: 'An MCP server may print nothing but messages on stdout; look for a newer version, or another command.',
  });
}

function exitFailure(name: string, exit: ChildExit, words: ServerWords, mute: boolean): ServerFailure {
  const how = exit.signal ? `was ended by ${exit.signal}` : `exited with status ${exit.code ?? 'unknown'}`;
  if (mute && words.firstStray !== undefined) {
    return wrong(
      `${name} printed what is no MCP message, first ${quoted(words.firstStray)}, and ${how}.`,
      'server_gone',
    );
  }
  const last = words.last();
  return new ServerFailure(
    'server_gone',
    'crashed',
    last === '' ? `${name} ${how} without a word.` : `${name} ${how}. Its last words: ${quoted(last, 1_000)}.`,
    { hint: 'Run its command by hand to see what it says.' },
  );
}

/** What a failed start is told as: a server that printed something else than messages is told apart from a silent one. */
function startFailure(error: SallyportError, options: StdioSessionOptions, words: ServerWords): SallyportError {
  if (error.code === 'call_cancelled') {
    return new ServerFailure('server_not_ready', 'crashed', `${options.name} was stopped while it started.`);
  }
  if (error.code === 'server_timeout') {
    const seconds = Math.round(options.startMs / 100) / 10;
    const first = words.firstStray;
    if (first !== undefined) {
      return wrong(
        `${options.name} did not answer within ${seconds} s; it printed what is no MCP message, first ${quoted(first)}.`,
        'server_not_ready',
      );
    }
    const last = words.last();
    const said = last === '' ? '' : ` Its last words: ${quoted(last, 1_000)}.`;
    return new ServerFailure(
      'server_not_ready',
      'crashed',
      `${options.name} started, and did not answer within ${seconds} s.${said}`,
      { hint: 'Check that the command is an MCP server that talks on stdin and stdout.' },
    );
  }
  return error instanceof ServerFailure ? error.as('server_not_ready') : error;
}
