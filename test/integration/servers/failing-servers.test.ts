import { afterEach, describe, expect, it } from 'vitest';
import type { Servers } from '../../../electron/core/servers/servers.ts';
import { createManualClock } from '../../manual-clock.ts';
import { callTool, fixture, scriptRecord, station, textOf } from './station.ts';

let servers: Servers;
const misbehaving = (...args: string[]): ReturnType<typeof scriptRecord> =>
  scriptRecord(fixture('misbehaving.ts'), args);
/** A server that is a shell script: up at once, however busy the machine is. */
const shell = (script: string): ReturnType<typeof scriptRecord> => ({
  ...misbehaving(),
  target: { kind: 'stdio', command: 'sh', args: ['-c', script], env: [] },
});
const failed = async (record: ReturnType<typeof scriptRecord>): Promise<Record<string, unknown>> => {
  const error = await servers.connect(record, 'a').then(
    () => undefined,
    (thrown: unknown) => thrown as Record<string, unknown>,
  );
  expect(error).toMatchObject({ code: 'server_not_ready', hop: 'server' });
  return error ?? {};
};

afterEach(async () => {
  await servers.stopAll(200);
});

describe('a server that does not come up', () => {
  it('does not exist', async () => {
    servers = station();
    const target = { kind: 'stdio', command: 'no-such-server', args: [], env: [] } as const;
    const error = await failed({ slug: 'under-test', name: 'Gone', shared: true, target });
    expect(error.message).toBe('Command not found: no-such-server.');
    expect(error.hint).toContain('full path');
    expect(servers.health('under-test')).toMatchObject({ state: 'crashed', sessions: 0 });
  });

  it('exits at once: its last words are told', async () => {
    servers = station();
    const error = await failed(shell('echo cannot open the database >&2; exit 3'));
    expect(error.message).toBe('Under test exited with status 3. Its last words: "cannot open the database".');
    expect(servers.health('under-test')).toEqual({
      state: 'crashed',
      era: undefined,
      lastError: error.message,
      sessions: 0,
    });
  });

  it('prints rubbish and never answers: the first line is told', async () => {
    servers = station({ limits: { startMs: 600, probeMs: 100 } });
    const error = await failed(shell(`printf 'Welcome to my server v1.2!\\nListening\\n'; cat >/dev/null`));
    expect(error.message).toContain('first "Welcome to my server v1.2!"');
    expect(servers.health('under-test').state).toBe('wrong-output');
  });

  it('prints its usage and exits', async () => {
    servers = station();
    const error = await failed(misbehaving('rubbish-then-exit'));
    expect(error.message).toContain('first "usage: server [options]", and exited with status 0');
    expect(servers.health('under-test').state).toBe('wrong-output');
  });

  it('floods stdout: it is ended without waiting for the time to run out', async () => {
    servers = station({ limits: { probeMs: 100 } });
    const lines: string[] = [];
    servers.onStderr((_slug, line) => lines.push(line));
    const error = await failed(misbehaving('flood'));
    expect(error.message).toContain('keeps printing what is no MCP message, first "debug line 0"');
    expect(lines.length).toBeLessThan(900);
  });

  it('never answers', async () => {
    servers = station({ limits: { startMs: 600, probeMs: 100 } });
    const error = await failed(shell('echo warming up >&2; cat >/dev/null'));
    expect(error.message).toBe('Under test started, and did not answer within 0.6 s. Its last words: "warming up".');
    expect(servers.health('under-test').state).toBe('crashed');
  });
});

describe('a server that crashes', () => {
  it('ends the calls that were at it, says its last words, and is started again by the next caller', async () => {
    servers = station();
    const record = scriptRecord(fixture('raw-legacy.ts'));
    const session = await servers.connect(record, 'a');
    const closed = new Promise<void>((resolve) => session.onClose(resolve));
    const states: string[] = [];
    servers.onChange((slug) => states.push(servers.health(slug).state));
    const calls = [callTool(session, 'slow'), callTool(session, 'crash')];
    for (const call of await Promise.allSettled(calls)) {
      expect(call).toMatchObject({
        status: 'rejected',
        reason: { code: 'server_gone', message: 'Under test exited with status 7. Its last words: "out of cheese".' },
      });
    }
    await closed;
    expect(servers.health('under-test')).toMatchObject({ state: 'crashed', sessions: 0 });
    await expect(callTool(session, 'echo')).rejects.toMatchObject({ code: 'server_gone' });
    const again = await servers.connect(record, 'a');
    expect(textOf(await callTool(again, 'echo'))).toContain('echo');
    expect(servers.health('under-test')).toEqual({ state: 'ready', era: 'legacy', sessions: 1 });
    expect(states).toContain('crashed');
  });

  it('may leave in peace: that is no crash', async () => {
    servers = station();
    const session = await servers.connect(scriptRecord(fixture('raw-legacy.ts')), 'a');
    const closed = new Promise<void>((resolve) => session.onClose(resolve));
    expect(textOf(await callTool(session, 'leave'))).toBe('bye');
    await closed;
    expect(servers.health('under-test')).toEqual({ state: 'stopped', era: 'legacy', sessions: 0 });
  });

  it('in a loop is held back longer each time, until a person stops it or it stays well', async () => {
    const clock = createManualClock();
    servers = station({ clock });
    const record = shell('echo cannot open the database >&2; exit 3');
    expect((await failed(record)).message).toContain('exited with status 3');
    for (const hold of [200, 400, 800, 1_600, 3_200]) {
      let settled = false;
      const attempt = failed(record).finally(() => {
        settled = true;
      });
      clock.advance(hold - 1);
      // Several turns of the event loop: nothing was started, so nothing can fail.
      for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
      expect({ hold, settled, state: servers.health('under-test').state }).toEqual({
        hold,
        settled: false,
        state: 'crashed',
      });
      clock.advance(1);
      expect((await attempt).message).toContain('exited with status 3');
    }
    expect((await failed(record)).message).toBe(
      'Under test failed 6 times in a row; the next try is in 7 s. Under test exited with status 3. Its last words: "cannot open the database".',
    );
    await servers.stop('under-test');
    expect((await failed(record)).message).toContain('exited with status 3');
  });
});
