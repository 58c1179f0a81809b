import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import WebSocket from 'ws';
import { createBrowserFront } from '../../../electron/core/fronts/browser-front.ts';
import { connectControl } from '../../../electron/core/fronts/control-client.ts';
import { createControlSocket } from '../../../electron/core/fronts/control-socket.ts';
import { requests } from '../../../electron/shared/contract.ts';
import { connectContract } from '../../contract-client.ts';
import { anyFrame, anyRequest } from '../../fuzz/contract-cases.ts';
import { createRandom } from '../../fuzz/random.ts';
import { createManualClock } from '../../manual-clock.ts';
import { createTestCore } from './test-core.ts';

/** The contract under a hostile page, a page without the key, and a local process, each from a seed that is told. */

const seed = Number(process.env.FUZZ_SEED ?? 20_261_122);
let folder: string;
let core: ReturnType<typeof createTestCore>;
const ends: (() => unknown)[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sp-fuzz-'));
  mkdirSync(join(folder, 'root'));
  writeFileSync(join(folder, 'root', 'index.html'), 'page');
  core = createTestCore();
});
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
  core.dispatcher.close();
  rmSync(folder, { recursive: true, force: true });
});

async function browserFront() {
  const clock = createManualClock();
  const front = createBrowserFront({ dispatcher: core.dispatcher, root: join(folder, 'root'), port: 0, clock });
  const port = await front.start();
  ends.push(() => front.stop());
  return { front, port };
}

/** What was let through fits the schema to the letter: nothing else ever reaches a handler. */
function expectOnlyParsed(): void {
  for (const { name, input } of core.asked) {
    expect(Object.hasOwn(requests, name), `${seed} ${name}`).toBe(true);
    expect(requests[name as keyof typeof requests].input.safeParse(input).success, `${seed} ${name}`).toBe(true);
  }
}

test('requests of a hostile page are answered in words or by value, and only what fits a schema is handled', async () => {
  const random = createRandom(seed);
  const { front } = await browserFront();
  const page = await connectContract(front.url());
  ends.push(() => page.close());
  const codes = new Set<string>();
  for (let count = 0; count < 1_500; count += 1) {
    const { name, input } = anyRequest(random);
    const request = page.request as (name: unknown, input: unknown) => Promise<unknown>;
    await request(name, input).catch((error: { code: string; message: string; hint?: string }) => {
      codes.add(error.code);
      expect(error.message.length + (error.hint?.length ?? 0), `${seed}:${count}`).toBeLessThan(2_000);
      expect(error.message, `${seed}:${count}`).not.toMatch(/[\u0000-\u001f\u202e]|at .*\.ts:\d|node:internal/);
    });
  }
  expect([...codes]).toEqual(expect.arrayContaining(['unknown_request', 'bad_input']));
  expectOnlyParsed();
});

test('frames that are none end that connection at most; the next page is served', async () => {
  const random = createRandom(seed + 1);
  const { front, port } = await browserFront();
  const key = new URLSearchParams(new URL(front.url()).hash.slice(1)).get('k');
  for (let round = 0; round < 60; round += 1) {
    const ws = new WebSocket(`ws://127.0.0.1:${port}/contract`, { origin: `http://127.0.0.1:${port}` });
    ws.on('error', () => undefined);
    await once(ws, 'open');
    const closed = new Promise((done) => ws.once('close', done));
    ws.send(JSON.stringify({ key }));
    for (let count = 0; count < 20; count += 1) if (ws.readyState === ws.OPEN) ws.send(anyFrame(random));
    ws.close();
    await closed;
  }
  const page = await connectContract(front.url());
  ends.push(() => page.close());
  expect(await page.request('status.get', {})).toMatchObject({ state: expect.any(String) });
  expectOnlyParsed();
});

test('a page without this run’s key is heard in nothing', async () => {
  const random = createRandom(seed + 2);
  const { port } = await browserFront();
  for (let round = 0; round < 60; round += 1) {
    const ws = new WebSocket(`ws://127.0.0.1:${port}/contract`, { origin: `http://127.0.0.1:${port}` });
    ws.on('error', () => undefined);
    const answers: string[] = [];
    ws.on('message', (data) => answers.push(String(data)));
    await once(ws, 'open');
    const closed = new Promise((done) => ws.once('close', done));
    ws.send(random.once(2) ? anyFrame(random) : JSON.stringify({ key: random.bytes(32).toString('base64url') }));
    ws.send('{"type":"request","id":1,"name":"status.get","input":{}}');
    ws.send('{"type":"subscribe","topic":"state"}');
    await closed;
    expect(answers, `${seed}:${round}`).toEqual([]);
  }
  expect(core.asked).toEqual([]);
});

test('a local process that cannot prove the control key is heard in nothing, and others are served', async () => {
  const random = createRandom(seed + 3);
  const control = createControlSocket({ dispatcher: core.dispatcher, dataDir: folder, clock: createManualClock() });
  await control.start();
  ends.push(() => control.stop());
  for (let round = 0; round < 60; round += 1) {
    const socket = connect(control.address);
    socket.on('error', () => undefined);
    let said = '';
    socket.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    await once(socket, 'connect');
    const closed = new Promise((done) => socket.once('close', done));
    for (let count = 0; count < 5; count += 1) socket.write(`${anyFrame(random)}\n`);
    socket.end('{"type":"request","id":1,"name":"status.get","input":{}}\n');
    await closed;
    expect(said, `${seed}:${round}`).not.toContain('"answer"');
  }
  expect(core.asked).toEqual([]);
  const client = await connectControl({ dataDir: folder });
  ends.push(() => client.close());
  expect(await client.request('status.get', {})).toMatchObject({ state: expect.any(String) });
});
