import type { Clock } from '../../../shared/clock.ts';
import { asSallyportError, type SallyportError } from '../../../shared/errors.ts';
import { parseJson, serializeJson } from '../../../shared/json-tree.ts';
import { visibleText } from '../../../shared/visible-text.ts';
import { createConversation, type OutgoingRequest } from '../conversation.ts';
import type { ClientIdentity } from '../era.ts';
import { ServerFailure } from '../failure.ts';
import { answeredId, cancelledMessage } from '../json-rpc.ts';
import { exchange, type HttpOrigin, readEvents, unreachable } from './http-exchange.ts';
import { type HttpLink, isStream, repeatable, wantsCredentials } from './http-link.ts';
import { createParamHeaders } from './param-headers.ts';

/** Messages to the server that wait for their connection at once; more are a server that takes none. */
const maxPosts = 64;

/**
 * Opens a conversation in the way of 2024-11-05: one stream of events that carries every message of the server, and an
 * address, named by its first event, for the messages to it (2024-11-05, basic/transports, HTTP with SSE). A stream that ends
 * ends the conversation: this revision has no way to take it up again, so the next call opens a new one.
 * @param options.startMs until the stream must have named its address
 * @returns undefined where the URL answers with no such stream
 * @throws ServerFailure `server_wrong_output` for an address at another origin, `server_gone`, `server_unreachable`
 */
export async function openSseLink(options: {
  readonly origin: HttpOrigin;
  readonly clock: Clock;
  readonly client: ClientIdentity;
  readonly startMs: number;
  readonly signal: AbortSignal;
}): Promise<HttpLink | undefined> {
  const { origin, clock, signal } = options;
  const { name } = origin;
  const stream = new AbortController();
  const posts = new Set<Promise<void>>();
  /** Requests on their way, by id. */
  const sending = new Map<number, Promise<void>>();
  const { promise: closed, resolve: close } = Promise.withResolvers<ServerFailure | undefined>();
  const { promise: endpoint, resolve: named, reject: unnamed } = Promise.withResolvers<URL>();
  endpoint.catch(() => {});
  let version: string | undefined;
  let address: URL | undefined;
  let over = false;

  const headers = (): Record<string, string> => ({
    'user-agent': `${options.client.name}/${options.client.version}`,
    ...(version === undefined ? {} : { 'mcp-protocol-version': version }),
  });
  const finish = (error: SallyportError, failure: ServerFailure | undefined): void => {
    if (over) return;
    over = true;
    unnamed(error);
    conversation.end(error, false);
    stream.abort();
    close(failure);
  };

  const send = async (text: string, onSent: (() => void) | undefined, again: boolean): Promise<void> => {
    if (!address) throw gone(name);
    const response = await exchange(origin, {
      method: 'POST',
      url: address,
      headers: { ...headers(), 'content-type': 'application/json' },
      body: text,
      signal: stream.signal,
      repeatable: again,
      ...(onSent ? { onSent } : {}),
    });
    const status = response.statusCode ?? 0;
    // What was asked is answered on the stream, never here.
    response.resume();
    if (status === 401 || status === 403) throw wantsCredentials(response, name);
    if (status >= 400) throw unreachable(name, `answered with HTTP status ${status}`, 'Check its URL.');
  };
  const post = (text: string): void => {
    if (posts.size >= maxPosts) return;
    const sent = send(text, undefined, true)
      .catch(() => {})
      .finally(() => posts.delete(sent));
    posts.add(sent);
  };
  const conversation = createConversation({
    name,
    clock,
    client: options.client,
    modern: false,
    wire: {
      request(message: OutgoingRequest) {
        const sent = send(message.text, message.onSent, repeatable.has(message.method))
          .catch((thrown: unknown) => conversation.fail(message.id, asSallyportError(thrown, 'server')))
          .finally(() => sending.delete(message.id));
        sending.set(message.id, sent);
      },
      post,
      // On its own connection it could overtake what it cancels.
      cancel: (id) => void Promise.resolve(sending.get(id)).then(() => post(serializeJson(cancelledMessage(id)))),
    },
  });

  const response = await exchange(origin, {
    method: 'GET',
    headers: { ...headers(), accept: 'text/event-stream' },
    signal: AbortSignal.any([stream.signal, signal]),
    repeatable: true,
  });
  if (response.statusCode === 401 || response.statusCode === 403) throw wantsCredentials(response, name);
  if (!isStream(response)) {
    response.destroy();
    return undefined;
  }
  const reading = readEvents(response, name, {
    onEvent(data) {
      try {
        conversation.receive(parseJson(data));
      } catch (thrown) {
        const id = answeredId(data);
        if (id === undefined) return;
        const why = asSallyportError(thrown, 'server').message;
        const message = `${name} answered with what is not acceptable JSON. ${why}`;
        conversation.fail(id, new ServerFailure('server_wrong_output', 'wrong-output', message));
      }
    },
    onOther(event, data) {
      // Only the first one counts: calls under way would otherwise go on elsewhere.
      if (event !== 'endpoint' || address) return;
      const url = URL.parse(data, origin.url.href);
      if (url?.origin !== origin.url.origin || url.username || url.password) {
        const said = visibleText(data, { max: 200 });
        throw new ServerFailure('server_wrong_output', 'wrong-output', `${name} wants its messages at ${said}.`, {
          hint: `That is not where it was added: ${origin.url.origin}.`,
        });
      }
      address = url;
      named(url);
    },
  });
  reading.then(
    () => finish(gone(name), undefined),
    (thrown: unknown) => {
      const error = asSallyportError(thrown, 'server');
      // A stream that breaks while nothing runs is no trouble: proxies cut quiet ones.
      const quiet = error.code === 'server_gone' && conversation.inFlight === 0;
      finish(error, !quiet && error instanceof ServerFailure ? error : undefined);
    },
  );

  const cancelTimer = clock.schedule(options.startMs, () => {
    finish(
      new ServerFailure(
        'server_timeout',
        'crashed',
        `${name} opened a stream and did not say where it takes messages.`,
      ),
      undefined,
    );
  });
  const onAbort = (): void => finish(gone(name), undefined);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    await endpoint;
  } finally {
    cancelTimer();
    signal.removeEventListener('abort', onAbort);
  }

  return {
    conversation,
    paramHeaders: createParamHeaders(),
    status: () => 200,
    posted: async () => {
      await Promise.all(posts);
    },
    agreed(protocolVersion) {
      version = protocolVersion;
    },
    listen() {},
    async stop() {
      finish(new ServerFailure('server_gone', 'crashed', `The conversation with ${name} was ended.`), undefined);
      await reading.catch(() => {});
      origin.agent.destroy();
    },
    closed,
  };
}

function gone(name: string): ServerFailure {
  return new ServerFailure('server_gone', 'crashed', `${name} ended its stream.`, {
    hint: 'The next call opens a new one.',
  });
}
