import { join } from 'node:path';
import { legacy, modern, openStage, type RawStream, type Stage, send, stream } from '../integration/gateway/stage.ts';
import { createSeeded } from '../seeded.ts';

const fixture = join(import.meta.dirname, '../fixtures/gateway/asking-server.ts');
const capabilities = { elicitation: { form: {} }, roots: {} };
type Message = {
  id?: unknown;
  method?: string;
  params?: Record<string, unknown>;
  result?: Record<string, unknown>;
  error?: unknown;
};

/** What came of a run. */
export interface IsolationReport {
  readonly steps: number;
  readonly answered: number;
  readonly cancelled: number;
  readonly cut: number;
  readonly questions: number;
  readonly notifications: number;
}

/** One agent's way in: a session of the old era, or requests of the new one. */
interface Client {
  readonly mark: string;
  readonly token: string;
  readonly session: string | undefined;
}

/**
 * Two agents, each with two sessions of the old era and with requests of the new one, do seeded steps against one shared
 * server, several at a time, with the same ids: calls that log and report progress, questions, cancels, cut connections.
 * @throws Error where anything reaches a client that is not its own, comes out of order, or is lost
 */
export async function checkIsolation(steps: number, seed: number): Promise<IsolationReport> {
  const random = createSeeded(seed);
  const stage = await openStage({ target: { kind: 'stdio', command: process.execPath, args: [fixture], env: [] } });
  const count = { steps, answered: 0, cancelled: 0, cut: 0, questions: 0, notifications: 0 };
  try {
    stage.record = { ...stage.record, features: ['elicitation', 'roots'] };
    const clients = await openClients(stage);
    const marks = clients.map(({ mark }) => mark);
    let done = 0;
    const worker = async (name: number): Promise<void> => {
      while (done < steps) {
        done += 1;
        const client = random.pick(clients);
        const kind = random.pick(['echo', 'echo', 'echo', 'form', 'stop'] as const);
        // Ids repeat between clients on purpose; within one client no two open requests may share one.
        const id = name * 1_000_000 + done;
        try {
          await step(stage, client, kind, id, marks, count);
        } catch (thrown) {
          const why = thrown instanceof Error ? thrown.message : String(thrown);
          throw new Error(`seed ${seed}, ${client.mark}, ${kind} ${id}: ${why}`);
        }
      }
    };
    await Promise.all([1, 2, 3, 4, 5, 6].map(worker));
    if (stage.problems.length > 0) throw new Error(`seed ${seed}: ${stage.problems.join('; ')}`);
    return count;
  } finally {
    await stage.close();
  }
}

async function openClients(stage: Stage): Promise<Client[]> {
  const clients: Client[] = [];
  for (const name of ['ada', 'bob']) {
    const { token } = stage.mint(name);
    clients.push({ mark: `<${name}-new>`, token, session: undefined });
    for (const which of [1, 2]) {
      const params = { protocolVersion: '2025-11-25', capabilities, clientInfo: { name, version: '1' } };
      const answer = await send(stage, {
        body: JSON.stringify({ jsonrpc: '2.0', id: 0, method: 'initialize', params }),
        headers: { authorization: `Bearer ${token}` },
      });
      clients.push({ mark: `<${name}-${which}>`, token, session: String(answer.headers['mcp-session-id']) });
    }
  }
  return clients;
}

async function step(
  stage: Stage,
  client: Client,
  kind: 'echo' | 'form' | 'stop',
  id: number,
  marks: readonly string[],
  count: { -readonly [K in keyof IsolationReport]: number },
): Promise<void> {
  const { mark, token, session } = client;
  const authorization = { authorization: `Bearer ${token}` };
  const own = `${mark}${id}`;
  const level = {
    'io.modelcontextprotocol/logLevel': 'debug',
    'io.modelcontextprotocol/clientCapabilities': capabilities,
  };
  const call = (params: Record<string, unknown>, as = id) => {
    const meta = { progressToken: own, ...(session === undefined ? level : {}) };
    const all = { ...params, _meta: meta };
    const request = session === undefined ? modern('tools/call', all, as) : legacy(session, 'tools/call', all, as);
    return { ...request, headers: { ...request.headers, ...authorization } };
  };
  const check = (message: Message): Message => {
    const text = JSON.stringify(message);
    const foreign = marks.find((other) => other !== mark && text.includes(other));
    if (foreign !== undefined) throw new Error(`got what is ${foreign}’s: ${text}`);
    return message;
  };
  const post = async (body: object): Promise<void> => {
    const headers = { 'mcp-session-id': session ?? '', 'mcp-protocol-version': '2025-11-25', ...authorization };
    const { status } = await send(stage, { body: JSON.stringify({ jsonrpc: '2.0', ...body }), headers });
    if (status !== 202) throw new Error(`a notification or answer got ${status}`);
  };
  /** Reads to the answer, answering questions on the way. */
  const finish = async (from: RawStream): Promise<Message> => {
    let progress = 0;
    for (;;) {
      const next = (await from.next()) as Message | undefined;
      if (next === undefined) throw new Error('the stream ended without an answer');
      const message = check(next);
      if (message.method === undefined) {
        if (message.id !== id) throw new Error(`the answer is to ${String(message.id)}`);
        return message;
      }
      if (message.method === 'elicitation/create') {
        count.questions += 1;
        await post({ id: message.id, result: { action: 'accept', content: { name: own } } });
        continue;
      }
      count.notifications += 1;
      if (message.method !== 'notifications/progress') continue;
      const { progressToken, progress: now } = message.params ?? {};
      if (progressToken !== own || !(Number(now) > progress)) throw new Error(`progress ${JSON.stringify(message)}`);
      progress = Number(now);
    }
  };

  if (kind === 'echo') {
    const { result } = await finish(await stream(stage, call({ name: 'get_echo', arguments: { own } })));
    if (!JSON.stringify(result).includes(own)) throw new Error(`another result: ${JSON.stringify(result)}`);
    count.answered += 1;
    return;
  }
  if (kind === 'form') {
    if (session !== undefined) {
      const { result } = await finish(await stream(stage, call({ name: 'get_form', arguments: { own } })));
      // Asked on whatever stream of the session is open: answered by this client, perhaps for another of its calls.
      if (!JSON.stringify(result).includes(mark)) throw new Error(`another answer: ${JSON.stringify(result)}`);
      count.answered += 1;
      return;
    }
    // Of two questions in one conversation nobody can say whose they are; then the tool says that it could not ask.
    const { result } = await finish(await stream(stage, call({ name: 'get_form', arguments: { own } })));
    if (result?.resultType !== 'input_required') return;
    count.questions += 1;
    const inputResponses = Object.fromEntries(
      Object.keys(result.inputRequests as object).map((key) => [key, { action: 'accept', content: { name: own } }]),
    );
    const { requestState } = result;
    const end = await finish(
      await stream(stage, call({ name: 'get_form', arguments: { own }, inputResponses, requestState })),
    );
    if (!JSON.stringify(end.result).includes(own)) throw new Error(`another answer: ${JSON.stringify(end.result)}`);
    count.answered += 1;
    return;
  }
  // It answers a moment after its first progress, which is what opens the stream: the cancel races the answer.
  const slow = await stream(stage, call({ name: 'get_echo', arguments: { own, slow: true } }));
  if (session === undefined) {
    slow.cut();
    count.cut += 1;
    return;
  }
  await post({ method: 'notifications/cancelled', params: { requestId: id } });
  count.cancelled += 1;
  await finish(slow);
}
