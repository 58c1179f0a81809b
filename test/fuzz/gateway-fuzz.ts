import { connect } from 'node:net';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { expect } from 'vitest';
import { initialize, modern, openStage, type Stage, send } from '../integration/gateway/stage.ts';
import { type HttpCase, makeCase, type Valid } from './http-cases.ts';
import { createRandom } from './random.ts';

/** What a run found out besides that nothing broke. */
export interface FuzzReport {
  readonly cases: number;
  /** Answers by HTTP status; 0 = the connection was closed without one. */
  readonly statuses: Readonly<Record<number, number>>;
  readonly forwarded: number;
  /** Delay of the event loop in milliseconds, of the gateway and of what plays the clients together. */
  readonly loopP99Ms: number;
  readonly loopMaxMs: number;
}

const atOnce = 16;
const hangMs = 15_000;
/** A request that is not whole gets no answer: after this long the client says that nothing more will come. */
const patienceMs = 150;
const legalStatuses = new Set([
  200, 202, 400, 401, 403, 404, 405, 406, 408, 413, 415, 417, 421, 429, 431, 500, 501, 503, 505,
]);

/**
 * Sends `cases` broken requests to the gateway with its real neighbours and a real server behind it: every answer must be
 * legal HTTP and legal JSON-RPC, nothing may hang, nothing may be forwarded without a logged decision, and valid calls must
 * go on working in between.
 */
export async function fuzzGateway(cases: number, seed: number): Promise<FuzzReport> {
  const stage = await openStage();
  const random = createRandom(seed);
  const statuses: Record<number, number> = {};
  let allowed = 0;
  let ran = 0;
  const stopRows = stage.log.onRow((row) => {
    if (row.method === 'tools/call' && row.outcome !== undefined && row.decision?.effect === 'allow') {
      allowed += 1;
      if (row.outcome === 'ran') ran += 1;
    }
  });
  const loop = monitorEventLoopDelay({ resolution: 5 });
  try {
    const valid: Valid = {
      path: stage.url.pathname,
      host: stage.url.host,
      token: stage.token,
      session: await initialize(stage),
    };
    loop.enable();
    let made = 0;
    const work = async (): Promise<void> => {
      while (made < cases) {
        made += 1;
        const number = made;
        const one = makeCase(random, valid);
        const status = await play(stage.port, one).catch((thrown: unknown) => {
          throw new Error(`Case ${number} of seed ${seed} (${one.kind}): ${String(thrown)}\n${shown(one)}`);
        });
        statuses[status] = (statuses[status] ?? 0) + 1;
        if (number % 1_000 === 0) await stillWorks(stage);
      }
    };
    await Promise.all(Array.from({ length: atOnce }, work));
    loop.disable();
    await stillWorks(stage);
    expect(stage.problems).toEqual([]);
    // A call that was allowed and then withdrawn may or may not have reached the server; none reaches it unlogged.
    expect(stage.forwarded).toBeLessThanOrEqual(allowed);
    expect(stage.forwarded).toBeGreaterThanOrEqual(ran);
    expect(ran).toBeGreaterThan(made / 200);
    return {
      cases: made,
      statuses,
      forwarded: stage.forwarded,
      loopP99Ms: Math.round(loop.percentile(99) / 1e4) / 100,
      loopMaxMs: Math.round(loop.max / 1e4) / 100,
    };
  } finally {
    stopRows();
    await stage.close();
  }
}

async function stillWorks(stage: Stage): Promise<void> {
  const answer = await send(stage, modern('tools/call', { name: 'read_note', arguments: { path: 'still' } }));
  expect(answer.json).toMatchObject({ result: { structuredContent: { path: 'still' } } });
}

/** Plays one case and judges the answer. @returns its status, 0 where the connection was closed without an answer */
function play(port: number, one: HttpCase): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    let answer = Buffer.alloc(0);
    let over = false;
    let patience: NodeJS.Timeout | undefined;
    const finish = (problem?: string): void => {
      if (over) return;
      over = true;
      clearTimeout(timer);
      clearTimeout(patience);
      socket.destroy();
      try {
        if (problem !== undefined) throw new Error(problem);
        resolve(judge(answer));
      } catch (thrown) {
        reject(thrown instanceof Error ? thrown : new Error(String(thrown)));
      }
    };
    const timer = setTimeout(() => finish(`no end after ${hangMs} ms`), hangMs);
    socket.on('error', () => finish());
    socket.on('close', () => finish());
    socket.on('end', () => finish());
    socket.on('data', (chunk: Buffer) => {
      answer = Buffer.concat([answer, chunk]);
      // A stream of its own has no end: its first event will do.
      const text = answer.toString('latin1');
      if (text.includes('text/event-stream') && /\ndata: .*\n\n/.test(text)) finish();
    });
    void (async () => {
      for (const piece of one.pieces) {
        if (!over && !socket.destroyed) socket.write(piece);
        await new Promise<void>((next) => setImmediate(next));
      }
      // Node takes the end of a client's side as its good-bye, and answers no more.
      patience = setTimeout(() => {
        if (!over && !socket.destroyed) socket.end();
      }, patienceMs);
      if (over) clearTimeout(patience);
    })();
  });
}

function judge(answer: Buffer): number {
  if (answer.length === 0) return 0;
  const text = answer.toString('utf8').replace(/^HTTP\/1\.1 100 Continue\r\n\r\n/, '');
  if (text === '') return 0;
  const cut = text.indexOf('\r\n\r\n');
  const head = cut < 0 ? text : text.slice(0, cut);
  const status = Number(/^HTTP\/1\.1 ([0-9]{3}) /.exec(head)?.[1]);
  if (!legalStatuses.has(status)) throw new Error(`an answer that is not legal here: ${head.slice(0, 200)}`);
  const type = /^content-type: *([^;\r\n]+)/im.exec(head)?.[1];
  const body = text.slice(cut + 4);
  if (type === 'application/json') judgeJson(dechunked(head, body), status);
  if (type === 'text/event-stream') {
    for (const [, data = ''] of dechunked(head, body).matchAll(/^data: (.*)$/gm)) judgeJson(data, status);
  }
  return status;
}

function dechunked(head: string, body: string): string {
  if (!/^transfer-encoding: chunked/im.test(head)) return body;
  return body.replace(/(?:^|\r\n)[0-9a-f]+\r\n/g, '');
}

function judgeJson(text: string, status: number): void {
  if (text === '') return;
  const node: unknown = JSON.parse(text);
  for (const one of Array.isArray(node) ? (node as unknown[]) : [node]) {
    if (typeof one !== 'object' || one === null) throw new Error(`no object: ${text.slice(0, 200)}`);
    // What comes before JSON-RPC (address, token) answers in HTTP's words; so do probe and metadata.
    if (!('jsonrpc' in one)) {
      const known = 'nonce' in one || 'resource' in one || ('error' in one && typeof one.error === 'string');
      if (!known) throw new Error(`neither JSON-RPC nor an error: ${text.slice(0, 200)}`);
      continue;
    }
    const error = 'error' in one ? (one.error as { code?: unknown; message?: unknown }) : undefined;
    const legal =
      'method' in one ||
      'result' in one ||
      (error !== undefined && Number.isInteger(error.code) && typeof error.message === 'string');
    if (!legal) throw new Error(`no legal JSON-RPC: ${text.slice(0, 200)}`);
    if (error === undefined && status !== 200) throw new Error(`status ${status} with a result`);
    if (/ at [^ ]+ \(|node:internal|\.ts:[0-9]/.test(String(error?.message))) throw new Error(`internals: ${text}`);
  }
}

function shown(one: HttpCase): string {
  return JSON.stringify(
    Buffer.concat([...one.pieces])
      .toString('latin1')
      .slice(0, 2_000),
  );
}
