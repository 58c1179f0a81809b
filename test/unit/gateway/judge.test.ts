import { describe, expect, it } from 'vitest';
import { createAgentSessions } from '../../../electron/core/gateway/agent-sessions.ts';
import { builtIn, createJudge, type Ending, maxResult } from '../../../electron/core/gateway/judge.ts';
import { resultResponse } from '../../../electron/core/gateway/protocol-errors.ts';
import type { RequestContext } from '../../../electron/core/gateway/request-context.ts';
import { beginLife } from '../../../electron/core/gateway/request-life.ts';
import type { Completion, Judged, RequestLog } from '../../../electron/core/request-log/request-log.ts';
import { fromPlain, JsonObject } from '../../../electron/shared/json-tree.ts';
import { createManualClock } from '../../manual-clock.ts';

/** A log in memory that can be told to fail. */
function memoryLog(failing: { decided?: boolean; completed?: boolean } = {}) {
  const events: (string | Completion)[] = [];
  const log: Pick<RequestLog, 'decided' | 'completed'> = {
    decided(call, decision) {
      if (failing.decided) throw new Error('disk full');
      events.push('decided');
      return { call, decision } as Judged;
    },
    completed(_judged, completion) {
      events.push(completion);
      if (failing.completed) throw new Error('disk full');
    },
  };
  return { log, events };
}

function stage(failing?: Parameters<typeof memoryLog>[0], reply: { bytes?: number; throws?: boolean } = {}) {
  const clock = createManualClock();
  const { log, events } = memoryLog(failing);
  const problems: string[] = [];
  const answers: string[] = [];
  const judge = createJudge({
    clock,
    log,
    agentSessions: createAgentSessions(clock),
    pauseAgent: () => {},
    onProblem: (p) => problems.push(p),
  });
  const context: RequestContext = {
    route: { record: { slug: 's', name: 'S', target: { kind: 'http', url: 'http://x' }, shared: true }, resource: 'r' },
    authorization: { agent: { id: 'a', name: 'A' }, grantId: 'g', expiresAt: 0 },
    message: { kind: 'request', id: 'i', method: 'tools/call', params: undefined },
    era: '2025-11-25',
    modern: false,
    upstreamKey: 'k',
    capabilities: new JsonObject(),
    bytesIn: 1,
    reply: {
      gone: new AbortController().signal,
      notify() {},
      hold() {},
      insist: () => false,
      take: () => undefined,
      answer(text) {
        if (reply.throws) throw new Error('socket');
        answers.push(text);
        return reply.bytes ?? text.length;
      },
    },
    life: beginLife(new AbortController().signal, false),
  };
  const run = (carryOut: () => Promise<Ending>) =>
    judge.judge(context, {}, () => builtIn('allow', 'list', 'x'), carryOut);
  return { run, events, problems, answers };
}

const ran = (result: unknown): Ending => ({
  outcome: 'ran',
  message: resultResponse('i', fromPlain(result)),
  result: fromPlain(result),
});

describe('a judged request', () => {
  it('is decided before it is carried out, and completed once after it was answered', async () => {
    const { run, events, answers } = stage();
    await run(() => {
      expect(events).toEqual(['decided']);
      return Promise.resolve(ran({ x: 1 }));
    });
    expect(answers).toEqual(['{"jsonrpc":"2.0","id":"i","result":{"x":1}}']);
    expect(events).toMatchObject(['decided', { outcome: 'ran', bytesOut: answers[0]?.length }]);
  });

  it('is not carried out if it cannot be logged', async () => {
    const { run, events, problems, answers } = stage({ decided: true });
    await run(() => Promise.reject(new Error('must not run')));
    expect(events).toEqual([]);
    expect(JSON.parse(answers[0] ?? '')).toMatchObject({ id: 'i', error: { code: -32_603 } });
    expect(answers[0]).not.toContain('disk');
    expect(problems).toHaveLength(1);
  });

  it('is completed once if carrying out, answering or completing fails, and says nothing internal', async () => {
    const thrown = stage();
    await thrown.run(() => Promise.reject(new Error('/home/somebody/secret')));
    expect(thrown.events).toMatchObject(['decided', { outcome: 'failed' }]);
    expect(thrown.answers[0]).not.toContain('somebody');
    const silent = stage({}, { throws: true });
    await silent.run(() => Promise.resolve(ran({})));
    expect(silent.events).toMatchObject(['decided', { outcome: 'ran', bytesOut: 0 }]);
    const late = stage({ completed: true });
    await late.run(() => Promise.resolve(ran({})));
    expect([late.events.length, late.problems.length, late.answers.length]).toEqual([2, 1, 1]);
  });

  it('refuses an answer over 16 MiB and does not keep it', async () => {
    const { run, events, answers } = stage({}, { bytes: 0 });
    let kept = 0;
    const keep = (): (() => boolean) => {
      kept += 1;
      return () => true;
    };
    await run(() => Promise.resolve({ ...ran('x'.repeat(maxResult)), undelivered: keep }));
    expect(JSON.parse(answers[0] ?? '')).toMatchObject({
      error: { code: -31_002, message: expect.stringContaining('16 MiB') },
    });
    expect(events).toMatchObject(['decided', { outcome: 'failed' }]);
    expect(kept).toBe(0);
    await run(() => Promise.resolve({ ...ran('x'), undelivered: keep }));
    expect(kept).toBe(1);
  });
});
