import { createHash, randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { setTimeout as wait } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect } from 'vitest';
import { joinEdge } from '../../../electron/core/tunnel/connectors/enrol.ts';
import { type EdgeChild, startEdgeChild } from '../../fixtures/edge-child.ts';
import {
  agentTo,
  clientHello,
  connectorFor,
  createInner,
  digest,
  join,
  startConnector,
  startEdge,
} from '../../fixtures/edge-harness.ts';

/** An edge in a process of its own with wide limits, and a connector of one tunnel here. */
async function stage(folder: string) {
  const edge = await startEdgeChild(folder);
  const joined = await joinEdge(await edge.invite('box'));
  const connector = connectorFor(joined, { connections: 2 });
  return {
    edge,
    joined,
    connector,
    hello: await clientHello(joined.domain),
    async close() {
      await connector.stop(0);
      await edge.stop();
    },
  };
}

/** Resident memory of the edge, in MiB. */
async function resident(edge: EdgeChild): Promise<number> {
  const metrics = await (await fetch(`http://127.0.0.1:${edge.operations}/metrics`)).text();
  return Number(/memory_bytes\{kind="resident"\} (\d+)/.exec(metrics)?.[1]) / 2 ** 20;
}

function knock(port: number, hello: Buffer): Promise<Socket> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
    socket.on('error', () => undefined);
    socket.once('connect', () => {
      socket.write(hello);
      resolve(socket);
    });
    socket.once('close', () => resolve(socket));
  });
}

/** How much of each a stranger does. */
export interface Flood {
  /** Connections opened and aborted at once. */
  readonly atOnce: number;
  /** Then a hundred a second, for so long. */
  readonly seconds: number;
  /** Connections that are sent data and never read any. */
  readonly stalled: number;
  /** Most that the edge's resident memory may grow, in MiB. */
  readonly growthMiB: number;
}

/**
 * A stranger without a token opens and aborts connections, and leaves others unread, while one innocent call runs through everything. No
 * connection of the tunnel ends, the innocent bytes arrive whole, and the edge's memory stays below its bound.
 */
export async function flood(folder: string, { atOnce, seconds, stalled, growthMiB }: Flood): Promise<void> {
  const { edge, connector, hello, close } = await stage(folder);
  try {
    let innocent: Duplex | undefined;
    let got: ((stream: Duplex) => void) | undefined;
    const filler = Buffer.alloc(65_536, 9);
    await startConnector(connector, (stream) => {
      stream.on('error', () => undefined);
      if (!innocent) {
        innocent = stream;
        got?.(stream);
        return;
      }
      // As an answer would, more than anybody takes.
      stream.resume();
      for (let at = 0; at < 8; at += 1) stream.write(filler);
    });
    const before = connector.status().connections.map(({ since }) => since);
    const memory = await resident(edge);
    const arrived = new Promise<Duplex>((resolve) => {
      got = resolve;
    });
    const caller = await knock(edge.port, hello);
    const received = digest(await arrived);
    const sent = randomBytes(4_000_000);
    let at = 0;
    const more = (upTo: number): void => {
      caller.write(sent.subarray(at, upTo));
      at = upTo;
    };
    more(500_000);

    const held = await Promise.all(Array.from({ length: stalled }, () => knock(edge.port, hello)));
    for (const socket of held) socket.pause();
    more(1_000_000);
    const burst = await Promise.all(Array.from({ length: atOnce }, () => knock(edge.port, hello)));
    for (const socket of burst) socket.resetAndDestroy();
    more(1_500_000);
    let peak = await resident(edge);
    for (let second = 0; second < seconds; second += 1) {
      const some = await Promise.all(Array.from({ length: 100 }, () => knock(edge.port, hello)));
      for (const socket of some) socket.resetAndDestroy();
      more(1_500_000 + Math.floor(((second + 1) / seconds) * 2_000_000));
      await wait(1_000);
      if (second % 5 === 0) peak = Math.max(peak, await resident(edge));
    }
    peak = Math.max(peak, await resident(edge));
    caller.end(sent.subarray(at));
    expect((await received).hash).toBe(createHash('sha256').update(hello).update(sent).digest('hex'));
    expect(connector.status().connections.map(({ since }) => since)).toEqual(before);
    expect(peak - memory).toBeLessThan(growthMiB);
    process.stdout.write(`flood: edge ${memory.toFixed(0)} MiB before, ${peak.toFixed(0)} MiB at most\n`);
    for (const socket of held) socket.destroy();
  } finally {
    await close();
  }
}

/** So many public connections at once, each with TLS to the end and an answer of its own. */
export async function parallel(folder: string, count: number): Promise<void> {
  const { edge, joined, connector, close } = await stage(folder);
  try {
    const inner = await createInner(joined.domain, (socket) => socket.pipe(socket));
    await startConnector(connector, inner.feed);
    const sockets: Socket[] = [];
    // Both ends of a hundred hand-shakes are this one process's work.
    while (sockets.length < count) {
      const some = Math.min(100, count - sockets.length);
      sockets.push(
        ...(await Promise.all(Array.from({ length: some }, () => agentTo(edge.port, joined.domain, inner.ca)))),
      );
    }
    // All are open together before any of them speaks.
    const right = await Promise.all(
      sockets.map(async (socket, index) => {
        const word = Buffer.from(`word of ${index} `.repeat(40));
        socket.end(word);
        return (await digest(socket)).hash === createHash('sha256').update(word).digest('hex');
      }),
    );
    expect(right.filter(Boolean)).toHaveLength(count);
    expect(connector.status().connections).toHaveLength(2);
  } finally {
    await close();
  }
}

/** Makes V8 let go of all that it can, so that what is left is what is held. */
const collect = ((): (() => void) => {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as () => void;
})();

/** So many connections one after the other leave neither memory nor handles behind: at the edge, and at the app's end. */
export async function sequential(count: number, growthMiB: number): Promise<void> {
  const edge = await startEdge();
  const connector = connectorFor(await join(edge), { connections: 2 });
  try {
    await startConnector(connector, (stream) => {
      stream.on('error', () => undefined);
      stream.pipe(stream);
    });
    const hello = await clientHello('box.edge.test');
    const some = async (many: number): Promise<void> => {
      for (let at = 0; at < many; at += 1) {
        const socket = await knock(edge.port, hello);
        socket.end();
        expect((await digest(socket)).bytes).toBe(hello.length);
      }
      edge.events.splice(0);
    };
    const held = (): { memory: number; handles: number } => {
      collect();
      const { heapUsed, external } = process.memoryUsage();
      return { memory: (heapUsed + external) / 2 ** 20, handles: process.getActiveResourcesInfo().length };
    };
    // What grows at first is caches and compiled code.
    await some(Math.floor(count / 5));
    const before = held();
    await some(count - Math.floor(count / 5));
    await expect.poll(() => held().handles).toBeLessThanOrEqual(before.handles + 4);
    const grown = held().memory - before.memory;
    expect(grown).toBeLessThan(growthMiB);
    process.stdout.write(`sequential: ${count} connections, ${grown.toFixed(1)} MiB more\n`);
  } finally {
    await connector.stop(0);
    await edge.edge.close(0);
  }
}
