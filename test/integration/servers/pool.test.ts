import { afterEach, describe, expect, it } from 'vitest';
import type { Servers } from '../../../electron/core/servers/servers.ts';
import { createManualClock } from '../../manual-clock.ts';
import { allGone, callTool, fixture, runs, scriptRecord, station, textOf } from './station.ts';

let servers: Servers;
const record = scriptRecord(fixture('raw-legacy.ts'));
const named = (slug: string): typeof record => ({ ...record, slug, name: slug });
afterEach(async () => {
  await servers.stopAll(300);
});

describe('the conversations of a station', () => {
  it('are one per key, started once however many ask', async () => {
    servers = station();
    const [a, same, b] = await Promise.all([
      servers.connect(record, 'a'),
      servers.connect(record, 'a'),
      servers.connect(record, 'b'),
    ]);
    expect(a).toBe(same);
    const pids = await Promise.all([a, b].map(async (session) => textOf(await callTool(session, 'pid'))));
    expect(new Set(pids).size).toBe(2);
    expect(servers.health('under-test').sessions).toBe(2);
  });

  it('are limited per server and in all, and the error names the limit', async () => {
    servers = station({ limits: { perServer: 2, total: 3 } });
    await Promise.all([
      servers.connect(named('one'), 'a'),
      servers.connect(named('one'), 'b'),
      servers.connect(named('two'), 'a'),
    ]);
    await expect(servers.connect(named('one'), 'c')).rejects.toMatchObject({
      code: 'server_busy',
      hop: 'server',
      message: 'one has 2 conversations open, the most that one server may have.',
    });
    await expect(servers.connect(named('two'), 'b')).rejects.toMatchObject({
      code: 'server_busy',
      message: '3 conversations with servers are open, the most in all.',
    });
    await servers.end('one', 'a');
    await servers.connect(named('two'), 'b');
    expect(servers.health('one').state).toBe('ready');
  });

  it('give way at the limit once they are idle, the one idle longest first, but not while a call runs', async () => {
    const clock = createManualClock();
    servers = station({ clock, limits: { perServer: 2 } });
    const a = await servers.connect(record, 'a');
    const b = await servers.connect(record, 'b');
    const sent = Promise.withResolvers<void>();
    const running = callTool(a, 'slow', {}, { onSent: sent.resolve });
    running.catch(() => {});
    await sent.promise;
    clock.advance(61_000);
    const gone = new Promise<void>((resolve) => b.onClose(resolve));
    await servers.connect(record, 'c');
    await gone;
    await expect(callTool(b, 'pid')).rejects.toMatchObject({ code: 'server_gone' });
    await expect(servers.connect(record, 'd')).rejects.toMatchObject({ code: 'server_busy' });
  });

  it('end after half an hour without a call, and not before', async () => {
    const clock = createManualClock();
    servers = station({ clock });
    const session = await servers.connect(record, 'a');
    const pid = Number(textOf(await callTool(session, 'pid')));
    clock.advance(29 * 60_000);
    await callTool(session, 'pid');
    clock.advance(29 * 60_000);
    expect(servers.health('under-test').sessions).toBe(1);
    const closed = new Promise<void>((resolve) => session.onClose(resolve));
    clock.advance(60_000);
    expect(servers.health('under-test')).toEqual({ state: 'stopped', era: 'legacy', sessions: 0 });
    await closed;
    await allGone([pid]);
  });

  it('end with stop, also those that are just starting, and the calls in them', async () => {
    servers = station();
    const session = await servers.connect(record, 'a');
    const pid = Number(textOf(await callTool(session, 'pid')));
    const call = callTool(session, 'slow');
    const other = await servers.connect(named('other'), 'a');
    const starting = servers.connect(record, 'b');
    const stopped = servers.stop('under-test', 500);
    await expect(call).rejects.toMatchObject({ code: 'server_gone', message: 'Under test was stopped.' });
    await expect(starting).rejects.toMatchObject({ code: 'server_not_ready' });
    await stopped;
    expect(await runs(pid)).toBe(false);
    expect(servers.health('under-test')).toEqual({ state: 'stopped', era: 'legacy', sessions: 0 });
    expect(textOf(await callTool(other, 'pid'))).not.toBe('');
  });

  it('of another server under the same slug are not mixed up', async () => {
    servers = station();
    const old = await servers.connect(record, 'a');
    const fresh = await servers.connect(scriptRecord(fixture('modern-stdio.ts')), 'a');
    expect(fresh.info.era).toBe('modern');
    await expect(callTool(old, 'pid')).rejects.toMatchObject({ code: 'server_gone' });
  });
});
