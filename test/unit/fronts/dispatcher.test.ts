import { expect, test } from 'vitest';
import type { Front } from '../../../electron/core/fronts/dispatcher.ts';
import type { ServerFrame } from '../../../electron/shared/contract.ts';
import { requests } from '../../../electron/shared/contract.ts';
import { approval, createTestCore, logRow } from '../../integration/fronts/test-core.ts';
import { createManualClock } from '../../manual-clock.ts';

function connect(core: ReturnType<typeof createTestCore>, front: Front = 'test') {
  const frames: ServerFrame[] = [];
  const pressure = { high: false };
  const session = core.dispatcher.connect({
    front,
    send: (frame) => void frames.push(frame),
    congested: () => pressure.high,
  });
  const payloads = () => frames.flatMap((frame) => (frame.type === 'event' ? [frame.payload] : []));
  return { session, frames, pressure, payloads };
}

test('parses what goes in and what comes out', async () => {
  const core = createTestCore();
  const { dispatcher } = core;
  const context = { front: 'test' as const };
  await expect(dispatcher.request('nothing.here', {}, context)).rejects.toMatchObject({ code: 'unknown_request' });
  await expect(dispatcher.request('toString', {}, context)).rejects.toMatchObject({ code: 'unknown_request' });
  await expect(dispatcher.request('servers.add', { name: '' }, context)).rejects.toMatchObject({ code: 'bad_input' });
  await expect(dispatcher.request('servers.add', { name: 'a', extra: 1 }, context)).rejects.toMatchObject({
    code: 'bad_input',
  });
  expect(core.asked).toEqual([]);
  await dispatcher.request('log.list', {}, context);
  expect(core.asked.at(-1)).toMatchObject({ input: { limit: 100 } });
  await expect(dispatcher.request('agents.token', { server: 'NOT A SLUG' }, context)).rejects.toMatchObject({
    code: 'internal',
  });
  await expect(dispatcher.request('servers.remove', { server: 'x' }, context)).rejects.toMatchObject({
    code: 'server_not_found',
    hop: 'server',
  });
});

test('a bad value is not repeated in the message', async () => {
  const { dispatcher } = createTestCore();
  const bad = { name: 'a', env: { 'bad name': 'topsecret' } };
  await expect(dispatcher.request('servers.add', bad, { front: 'test' })).rejects.not.toMatchObject({
    message: expect.stringContaining('topsecret'),
  });
});

test('what widens authority is refused on the control socket while a window or page is up', async () => {
  const core = createTestCore();
  const resume = (front: Front) => core.dispatcher.request('resume', {}, { front });
  await expect(resume('cli')).resolves.toMatchObject({ paused: false });
  for (const front of ['window', 'browser'] as const) {
    const { session } = connect(core, front);
    for (const [name, spec] of Object.entries(requests)) {
      const outcome = core.dispatcher.request(name, { bad: 1 }, { front: 'cli' });
      await expect(outcome, name).rejects.toMatchObject({
        code: spec.widens ? 'answers_elsewhere' : 'bad_input',
        hop: 'app',
      });
    }
    await expect(core.dispatcher.request('pause', {}, { front: 'cli' })).resolves.toBeTruthy();
    await expect(resume('window')).resolves.toBeTruthy();
    await expect(resume('browser')).resolves.toBeTruthy();
    core.settings.cliMayDecide = true;
    await expect(resume('cli')).resolves.toBeTruthy();
    core.settings.cliMayDecide = false;
    session.close();
    await expect(resume('cli')).resolves.toBeTruthy();
  }
});

test('state: whole once, then the slices that changed, in order of revision', () => {
  const core = createTestCore();
  const first = connect(core);
  core.setState((state) => ({ ...state, version: '0.0.1' }));
  expect(first.frames).toEqual([]);
  first.session.receive({ type: 'subscribe', topic: 'state' });
  expect(first.payloads()).toEqual([{ rev: 2, state: expect.objectContaining({ version: '0.0.1' }) }]);
  core.setState((state) => ({ ...state, servers: [...state.servers] }));
  expect(first.payloads()).toHaveLength(1);
  core.setState((state) => ({ ...state, paused: { at: '2026-11-22T12:00:00Z' } }));
  expect(first.payloads()[1]).toEqual({ rev: 3, patch: { paused: { at: '2026-11-22T12:00:00Z' } } });
  core.setState(({ paused: _paused, ...state }) => state);
  expect(first.payloads()[2]).toMatchObject({
    rev: 4,
    state: expect.not.objectContaining({ paused: expect.anything() }),
  });
  const second = connect(core);
  second.session.receive({ type: 'subscribe', topic: 'state' });
  expect(second.payloads()).toEqual([{ rev: 4, state: expect.anything() }]);
  first.session.receive({ type: 'unsubscribe', topic: 'state' });
  core.setState((state) => ({ ...state, version: '0.0.2' }));
  expect(first.payloads()).toHaveLength(3);
  expect(second.payloads()).toHaveLength(2);
});

test('a slow front gets one snapshot instead of the patches that it missed', () => {
  const core = createTestCore();
  const { session, payloads, pressure } = connect(core);
  session.receive({ type: 'subscribe', topic: 'state' });
  pressure.high = true;
  for (let at = 1; at < 5; at += 1) core.setState((state) => ({ ...state, version: `1.0.${at}` }));
  expect(payloads()).toHaveLength(1);
  pressure.high = false;
  session.drained();
  expect(payloads()).toHaveLength(2);
  expect(payloads()[1]).toMatchObject({ rev: 5, state: { version: '1.0.4' } });
  core.setState((state) => ({ ...state, version: '2.0.0' }));
  expect(payloads()[2]).toMatchObject({ rev: 6, patch: { version: '2.0.0' } });
});

test('log rows: batched for 50 ms or 200, the newest form of each, none to who did not ask', () => {
  const clock = createManualClock();
  const core = createTestCore({ clock });
  const { session, payloads, pressure } = connect(core);
  const silent = connect(core);
  core.row(logRow(1));
  session.receive({ type: 'subscribe', topic: 'log' });
  core.row(logRow(2));
  core.row(logRow(3));
  core.row({ ...logRow(2), outcome: 'ran' });
  expect(payloads()).toEqual([]);
  clock.advance(50);
  expect(payloads()).toEqual([{ rows: [{ ...logRow(2), outcome: 'ran' }, logRow(3)], dropped: 0 }]);
  for (let seq = 10; seq < 210; seq += 1) core.row(logRow(seq));
  expect(payloads()).toHaveLength(2);
  pressure.high = true;
  for (let seq = 300; seq < 900; seq += 1) core.row(logRow(seq));
  clock.advance(1_000);
  expect(payloads()).toHaveLength(2);
  pressure.high = false;
  session.drained();
  expect(payloads()[2]).toMatchObject({ dropped: 400 });
  expect((payloads()[2] as { rows: unknown[] }).rows).toHaveLength(200);
  expect(silent.frames).toEqual([]);
  session.receive({ type: 'unsubscribe', topic: 'log' });
  core.row(logRow(1_000));
  clock.advance(1_000);
  expect(payloads()).toHaveLength(3);
  expect(clock.pending).toBe(0);
});

test('approvals go to who subscribed, one event each', () => {
  const core = createTestCore();
  const { session, payloads } = connect(core);
  core.event({ type: 'opened', approval });
  session.receive({ type: 'subscribe', topic: 'approvals' });
  core.event({ type: 'closed', approval, by: 'window', answer: 'deny' });
  expect(payloads()).toEqual([{ type: 'closed', approval, by: 'window', answer: 'deny' }]);
});

test('what is no frame is refused; a closed session hears nothing more', () => {
  const core = createTestCore();
  const { session, frames } = connect(core, 'window');
  for (const bad of [
    null,
    'x',
    {},
    { type: 'request' },
    { type: 'subscribe', topic: 'constructor' },
    { type: 'subscribe', topic: 'log', more: 1 },
  ]) {
    expect(() => session.receive(bad)).toThrow(expect.objectContaining({ code: 'bad_frame' }));
  }
  session.receive({ type: 'subscribe', topic: 'approvals' });
  expect(core.dispatcher.connected('window')).toBe(1);
  session.close();
  session.close();
  expect(core.dispatcher.connected('window')).toBe(0);
  core.event({ type: 'opened', approval });
  session.receive({ type: 'subscribe', topic: 'state' });
  expect(frames).toEqual([]);
});

test('more than 64 requests at once are refused, and the next ones are let in again', async () => {
  let go: () => void = () => {};
  const core = createTestCore({
    slowRequest: new Promise((resolve) => {
      go = resolve;
    }),
  });
  const answered = new Map<number, ServerFrame>();
  let tell: () => void = () => {};
  const session = core.dispatcher.connect({
    front: 'test',
    send(frame) {
      if ('id' in frame) answered.set(frame.id, frame);
      tell();
    },
  });
  const until = (count: number) =>
    new Promise<void>((resolve) => {
      tell = () => {
        if (answered.size >= count) resolve();
      };
      tell();
    });
  for (let id = 1; id <= 66; id += 1) session.receive({ type: 'request', id, name: 'status.get', input: {} });
  await until(2);
  expect([...answered.keys()].sort()).toEqual([65, 66]);
  expect(answered.get(65)).toMatchObject({ type: 'failure', error: { code: 'too_many_requests' } });
  go();
  await until(66);
  session.receive({ type: 'request', id: 67, name: 'status.get', input: {} });
  await until(67);
  expect(answered.get(67)).toMatchObject({ ok: true });
});
