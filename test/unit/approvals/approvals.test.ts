import { describe, expect, it } from 'vitest';
import { asks, call, stage } from './stage.ts';

const dangerous = { ...asks, class: 'dangerous' as const };

describe('one call', () => {
  it('waits for the person and runs when allowed', async () => {
    const { ask, only, approvals, events, clock } = stage();
    const request = ask(call());
    const view = only();
    expect(view).toMatchObject({
      count: 1,
      tool: 'write_file',
      summary: 'write a file: /tmp/x',
      argumentsText: '{"path":"/tmp/x"}',
    });
    expect(view.deadlineAt).toBe('2026-11-22T12:00:45.000Z');
    expect(view.expiresAt).toBe('2026-11-22T12:05:00.000Z');
    clock.advance(3_000);
    approvals.answer({ id: view.id, answer: 'allow' }, 'cli');
    expect(await request.answer).toEqual({ outcome: 'allowed', by: 'cli', after: 3_000 });
    expect(events.map(({ type, by, answer }) => ({ type, by, answer }))).toEqual([
      { type: 'opened', by: undefined, answer: undefined },
      { type: 'closed', by: 'cli', answer: 'allow' },
    ]);
    expect(approvals.list()).toEqual([]);
    expect(clock.pending).toBe(0);
  });

  it('may be answered from within the event that opens it', async () => {
    const { ask, approvals } = stage();
    approvals.onEvent((event) => {
      if (event.type === 'opened') approvals.answer({ id: event.approval.id, answer: 'allow' }, 'window');
    });
    expect(await ask(call()).answer).toMatchObject({ outcome: 'allowed', by: 'window' });
  });

  it('is denied with the reason that the model reads', async () => {
    const { ask, only, approvals } = stage();
    const request = ask(call());
    approvals.answer({ id: only().id, answer: 'deny', reason: 'Use the other folder.' }, 'window');
    expect(await request.answer).toMatchObject({ outcome: 'denied', by: 'window', reason: 'Use the other folder.' });
  });

  it('is not hung by a listener that throws', async () => {
    const { ask, only, approvals } = stage();
    approvals.onEvent(() => {
      throw new Error('broken front');
    });
    approvals.onChange(() => {
      throw new Error('broken front');
    });
    const request = ask(call());
    approvals.answer({ id: only().id, answer: 'allow' }, 'cli');
    expect((await request.answer).outcome).toBe('allowed');
  });

  it('is denied where nobody can be asked, and never asked where policy denies', async () => {
    const silent = stage({ canAsk: () => false });
    expect(await silent.ask(call()).answer).toMatchObject({ outcome: 'denied', reason: 'Nobody is there to ask.' });
    const { ask, approvals } = stage();
    expect((await ask(call(), { ...asks, effect: 'deny' }).answer).outcome).toBe('denied');
    expect(approvals.list()).toEqual([]);
  });
});

describe('the last call like it', () => {
  const write = (path: string, content: string) => call({ arguments: { path, content } });

  it('is the newest that was allowed, on the same target before others', async () => {
    const { ask, only, approvals } = stage();
    const allow = async (one: ReturnType<typeof call>) => {
      const request = ask(one);
      const view = only();
      approvals.answer({ id: view.id, answer: 'allow' }, 'cli');
      await request.answer;
      return view.last?.argumentsText;
    };
    expect(await allow(write('/a', '1'))).toBeUndefined();
    expect(await allow(write('/b', '2'))).toBe('{"path":"/a","content":"1"}');
    expect(await allow(write('/a', '3'))).toBe('{"path":"/a","content":"1"}');
    expect(await allow(write('/c', '4'))).toBe('{"path":"/a","content":"3"}');
    void ask(write('/d', '5'));
    expect(only()).toMatchObject({ verb: 'write a file', target: '/d', unusual: [] });
    approvals.answer({ id: only().id, answer: 'deny' }, 'cli');
    void ask(write('/d', '6'));
    expect(only().last?.argumentsText).toBe('{"path":"/c","content":"4"}');
  });

  it('is another agent’s never, and ends with what the agent held', async () => {
    const { ask, only, approvals } = stage();
    const request = ask(write('/a', '1'));
    approvals.answer({ id: only().id, answer: 'allow' }, 'cli');
    await request.answer;
    void ask(call({ agent: 'token:b', arguments: { path: '/a', content: '2' } }));
    expect(only().last).toBeUndefined();
    approvals.withdraw({ agent: 'token:b' }, 'denied');
    approvals.withdraw({ agent: 'token:a' }, 'denied');
    void ask(write('/a', '3'));
    expect(only().last).toBeUndefined();
  });
});

describe('waiting', () => {
  it('answers pending after 45 s; the retry attaches and runs when allowed', async () => {
    const { ask, only, approvals, clock } = stage();
    const first = ask(call());
    clock.advance(44_999);
    await stage().settled();
    expect(first.now()).toBeUndefined();
    clock.advance(1);
    expect(await first.answer).toMatchObject({ outcome: 'pending', retryAfterMs: 5_000 });
    expect(only().count).toBe(1);
    const retry = ask(call());
    expect(only().count).toBe(1);
    approvals.answer({ id: only().id, answer: 'allow' }, 'cli');
    expect((await retry.answer).outcome).toBe('allowed');
    // The answer covered one call: the same again asks again.
    ask(call());
    expect(approvals.list()).toHaveLength(1);
  });

  it('keeps an answer that nobody waited for as a permit for one identical call of that agent', async () => {
    const { ask, only, approvals, clock } = stage();
    const first = ask(call());
    const { id } = only();
    clock.advance(45_000);
    expect((await first.answer).outcome).toBe('pending');
    // Nothing that is shown changed: the id from before still answers.
    approvals.answer({ id, answer: 'allow' }, 'cli');
    const other = ask(call({ agent: 'token:b' }));
    const different = ask(call({ arguments: { path: '/tmp/y' } }));
    await first.answer;
    expect([other.now(), different.now()]).toEqual([undefined, undefined]);
    clock.advance(100_000);
    expect(await ask(call()).answer).toEqual({ outcome: 'allowed', by: 'permit', after: 0 });
    const again = ask(call());
    expect(approvals.list().some((view) => view.digest === call().digest)).toBe(true);
    expect(again.now()).toBeUndefined();
  });

  it('lets a permit end after 10 minutes', async () => {
    const { ask, only, approvals, clock } = stage();
    ask(call());
    clock.advance(45_000);
    approvals.answer({ id: only().id, answer: 'allow' }, 'cli');
    clock.advance(600_000);
    ask(call());
    expect(approvals.list()).toHaveLength(1);
  });

  it('tells a denial that nobody waited for to the next identical call, once', async () => {
    const { ask, only, approvals, clock } = stage();
    ask(call());
    clock.advance(45_000);
    approvals.answer({ id: only().id, answer: 'deny', reason: 'No.' }, 'cli');
    expect(await ask(call()).answer).toMatchObject({ outcome: 'denied', reason: 'No.' });
    ask(call());
    expect(approvals.list()).toHaveLength(1);
  });

  it('is over after five minutes, as a denial', async () => {
    const { ask, approvals, clock, events } = stage();
    const request = ask(call(), asks, 400_000);
    clock.advance(299_999);
    expect(approvals.list()).toHaveLength(1);
    clock.advance(1);
    expect(await request.answer).toMatchObject({ outcome: 'expired', after: 300_000 });
    expect(approvals.list()).toEqual([]);
    expect(events.at(-1)).toMatchObject({ type: 'closed', answer: 'expired' });
  });

  it('never holds a request past the deadline of its client', async () => {
    const { ask, clock, only } = stage();
    const request = ask(call({ deadline: clock.now() + 10_000 }));
    expect(only().deadlineAt).toBe('2026-11-22T12:00:08.000Z');
    clock.advance(8_000);
    expect((await request.answer).outcome).toBe('pending');
    const late = ask(call({ deadline: clock.now() - 1 }));
    clock.advance(0);
    expect((await late.answer).outcome).toBe('pending');
  });

  it('is not moved by a jump of the wall clock', async () => {
    const { ask, clock, approvals } = stage();
    const request = ask(call());
    clock.jump(86_400_000);
    await Promise.resolve();
    expect(request.now()).toBeUndefined();
    expect(approvals.list()).toHaveLength(1);
  });
});

describe('withdrawn requests', () => {
  it('a closed stream leaves the prompt, and its answer waits', async () => {
    const { ask, only, approvals } = stage();
    const request = ask(call());
    request.closeStream();
    expect((await request.answer).outcome).toBe('cancelled');
    approvals.answer({ id: only().id, answer: 'allow' }, 'cli');
    expect((await ask(call()).answer).by).toBe('permit');
  });

  it('a cancel takes the prompt with it', async () => {
    const { ask, approvals, events } = stage();
    const request = ask(call());
    request.cancel();
    expect((await request.answer).outcome).toBe('cancelled');
    expect(approvals.list()).toEqual([]);
    expect(events.at(-1)).toMatchObject({ type: 'closed', answer: 'withdrawn' });
  });

  it('a request that was withdrawn before is never shown', async () => {
    const { approvals } = stage();
    const answer = await approvals.settle(call(), asks, { signal: AbortSignal.abort() });
    expect(answer.outcome).toBe('cancelled');
    expect(approvals.list()).toEqual([]);
  });

  it('pause and revoke deny what waits and clear permits', async () => {
    const { ask, only, approvals, clock } = stage();
    ask(call());
    clock.advance(45_000);
    approvals.answer({ id: only().id, answer: 'allow' }, 'cli');
    const mine = ask(call({ tool: 'edit_file' }));
    const others = ask(call({ agent: 'token:b' }));
    approvals.withdraw({ agent: 'token:a' }, 'denied');
    expect(await mine.answer).toMatchObject({ outcome: 'denied', reason: 'The person has ended this access.' });
    expect(approvals.list()).toHaveLength(1);
    ask(call());
    expect(approvals.list()).toHaveLength(2);
    approvals.withdraw({}, 'paused');
    expect((await others.answer).outcome).toBe('paused');
    expect(approvals.list()).toEqual([]);
  });

  it('closing ends everything as denied and leaves no timer', async () => {
    const { ask, approvals, clock } = stage();
    const request = ask(call());
    approvals.close();
    expect((await request.answer).outcome).toBe('denied');
    expect(clock.pending).toBe(0);
    expect((await ask(call()).answer).outcome).toBe('denied');
  });
});

describe('identical calls', () => {
  it('share one prompt that says how many; allow lets each run once', async () => {
    const { ask, only, approvals } = stage();
    const requests = [ask(call()), ask(call()), ask(call())];
    expect(only().count).toBe(3);
    approvals.answer({ id: only().id, answer: 'allow' }, 'window');
    const answers = await Promise.all(requests.map(({ answer }) => answer));
    expect(answers.map(({ outcome }) => outcome)).toEqual(['allowed', 'allowed', 'allowed']);
    ask(call());
    expect(approvals.list()).toHaveLength(1);
  });

  it('make a new id when their number changes, and the old one answers nothing', async () => {
    const { ask, only, approvals } = stage();
    const first = ask(call());
    const { id: old } = only();
    ask(call());
    const { id } = only();
    expect(id).not.toBe(old);
    expect(() => approvals.answer({ id: old, answer: 'allow' }, 'cli')).toThrow(
      expect.objectContaining({ code: 'approval_stale' }),
    );
    await Promise.resolve();
    expect(first.now()).toBeUndefined();
    approvals.answer({ id, answer: 'allow' }, 'cli');
    expect(() => approvals.answer({ id, answer: 'allow' }, 'cli')).toThrow(
      expect.objectContaining({ code: 'approval_not_found' }),
    );
    expect(() => approvals.answer({ id: old, answer: 'allow' }, 'cli')).toThrow(
      expect.objectContaining({ code: 'approval_stale' }),
    );
  });

  it('are refused where the digest shown was another', () => {
    const { ask, only, approvals } = stage();
    ask(call());
    expect(() => approvals.answer({ id: only().id, digest: 'sha256:other', answer: 'allow' }, 'cli')).toThrow(
      expect.objectContaining({ code: 'approval_stale' }),
    );
  });

  it('one cancelled of three makes it two, with a new id', () => {
    const { ask, only } = stage();
    const [first] = [ask(call()), ask(call()), ask(call())];
    const { id } = only();
    first?.cancel();
    expect(only()).toMatchObject({ count: 2 });
    expect(only().id).not.toBe(id);
  });

  it('covers those told to ask again with one permit each, and no more', async () => {
    const { ask, only, approvals, clock } = stage();
    ask(call());
    ask(call());
    clock.advance(45_000);
    expect(only().count).toBe(2);
    approvals.answer({ id: only().id, answer: 'allow' }, 'cli');
    expect((await ask(call()).answer).by).toBe('permit');
    expect((await ask(call()).answer).by).toBe('permit');
    ask(call());
    expect(approvals.list()).toHaveLength(1);
  });

  it('are capped', async () => {
    const { ask, only } = stage({ limits: { callsPerPrompt: 3 } });
    for (let at = 0; at < 3; at += 1) ask(call());
    expect((await ask(call()).answer).reason).toContain('3 identical calls');
    expect(only().count).toBe(3);
  });
});

describe('prompt bombing', () => {
  it('cools down after two prompts in a row that nobody answered', async () => {
    const { ask, approvals, clock } = stage();
    for (const path of ['/a', '/b']) {
      ask(call({ arguments: { path } }));
      clock.advance(300_000);
    }
    const refused = await ask(call({ arguments: { path: '/c' } })).answer;
    expect(refused).toMatchObject({ outcome: 'denied', retryAfterMs: 300_000 });
    expect(refused.reason).toContain('did not answer');
    expect(approvals.list()).toEqual([]);
    ask(call({ tool: 'edit_file' }));
    expect(approvals.list()).toHaveLength(1);
    clock.advance(300_000);
    ask(call({ arguments: { path: '/c' } }));
    expect(approvals.list()).toHaveLength(1);
  });

  it('does not cool down where an answer came between', () => {
    const { ask, approvals, clock, only } = stage();
    ask(call({ arguments: { path: '/a' } }));
    clock.advance(300_000);
    ask(call({ arguments: { path: '/b' } }));
    approvals.answer({ id: only().id, answer: 'deny' }, 'cli');
    ask(call({ arguments: { path: '/c' } }));
    clock.advance(300_000);
    ask(call({ arguments: { path: '/d' } }));
    expect(approvals.list()).toHaveLength(1);
  });

  it('caps open prompts per agent and in all', async () => {
    const { ask, approvals } = stage({ limits: { promptsPerAgent: 2, prompts: 3 } });
    for (const path of ['/a', '/b']) ask(call({ arguments: { path } }));
    expect((await ask(call({ arguments: { path: '/c' } })).answer).reason).toContain('2 of your calls');
    ask(call({ agent: 'token:b' }));
    expect((await ask(call({ agent: 'token:c' })).answer).reason).toContain('3 calls already wait');
    expect(approvals.list()).toHaveLength(3);
  });

  it('caps prompts opened in a minute, cancelled or not', async () => {
    const { ask, clock, approvals } = stage({ limits: { opensPerMinute: 5 } });
    for (let at = 0; at < 5; at += 1) ask(call()).cancel();
    expect((await ask(call()).answer).reason).toContain('within a minute');
    clock.advance(60_000);
    ask(call());
    expect(approvals.list()).toHaveLength(1);
  });
});

describe('remembered answers', () => {
  it('settle by scope: this call, these arguments, this tool', async () => {
    for (const scope of ['call', 'arguments', 'tool'] as const) {
      const { ask, only, approvals } = stage();
      ask(call());
      approvals.answer({ id: only().id, answer: 'allow', scope, for: '15m' }, 'window');
      expect((await ask(call()).answer).by).toBe('remembered');
      const other = ask(call({ arguments: { path: '/tmp/y' } }));
      expect(approvals.list()).toHaveLength(scope === 'tool' ? 0 : 1);
      if (scope === 'tool') expect((await other.answer).by).toBe('remembered');
      expect(approvals.remembered()[0]).toMatchObject({ scope, duration: '15m', used: scope === 'tool' ? 2 : 1 });
    }
  });

  it('are bound to agent, server, tool and pin', async () => {
    const { ask, only, approvals } = stage();
    ask(call());
    approvals.answer({ id: only().id, answer: 'allow', scope: 'tool', for: 'session' }, 'window');
    ask(call({ agent: 'token:b' }));
    ask(call({ server: 'other' }));
    ask(call({ tool: 'edit_file' }));
    expect(approvals.list()).toHaveLength(3);
    expect((await ask(call()).answer).by).toBe('remembered');
    ask(call({ pin: 'sha256:2' }));
    expect(approvals.list()).toHaveLength(4);
    // The changed pin has voided it for good.
    expect(approvals.remembered()).toEqual([]);
    ask(call());
    expect(approvals.list()).toHaveLength(5);
  });

  it('settle what already waits and is covered', async () => {
    const { ask, only, approvals, events } = stage();
    const [one, two] = ['/a', '/b'].map((path) => ask(call({ arguments: { path } })));
    const other = ask(call({ tool: 'edit_file' }));
    const first = approvals.list()[0];
    approvals.answer(
      { id: first?.id ?? '', answer: 'deny', scope: 'tool', for: 'session', reason: 'Enough.' },
      'window',
    );
    expect((await one?.answer)?.by).toBe('window');
    expect(await two?.answer).toMatchObject({ outcome: 'denied', by: 'remembered', reason: 'Enough.' });
    expect(events.at(-1)).toMatchObject({ type: 'closed', by: 'remembered', answer: 'deny' });
    expect(only().tool).toBe('edit_file');
    expect(other.now()).toBeUndefined();
  });

  it('of one session settle only its calls of a prompt that two sessions share', async () => {
    const { ask, approvals } = stage();
    const here = ask(call({ arguments: { path: '/a' } }));
    const there = ask(call({ arguments: { path: '/a' }, session: 'session-2' }));
    ask(call({ arguments: { path: '/b' } }));
    const [shared, own] = approvals.list();
    approvals.answer({ id: own?.id ?? '', answer: 'deny', scope: 'tool', for: 'session' }, 'window');
    expect((await here.answer).outcome).toBe('denied');
    expect(there.now()).toBeUndefined();
    expect(approvals.list()).toMatchObject([{ count: 1, digest: shared?.digest }]);
  });

  it('end with their time, or with the agent session', async () => {
    const { ask, only, approvals, clock } = stage();
    ask(call());
    approvals.answer({ id: only().id, answer: 'allow', scope: 'tool', for: '15m' }, 'window');
    clock.advance(899_999);
    expect((await ask(call()).answer).by).toBe('remembered');
    clock.advance(1);
    expect(approvals.remembered()).toEqual([]);
    ask(call());
    approvals.answer({ id: only().id, answer: 'allow', scope: 'tool', for: 'session' }, 'window');
    expect((await ask(call()).answer).by).toBe('remembered');
    ask(call({ session: 'session-2' }));
    expect(approvals.list()).toHaveLength(1);
  });

  it('a remembered denial outranks a remembered allowance and a permit', async () => {
    const { ask, only, approvals } = stage();
    ask(call());
    approvals.answer({ id: only().id, answer: 'deny', scope: 'arguments', for: '15m', reason: 'Not there.' }, 'window');
    ask(call({ arguments: { path: '/tmp/y' } }));
    approvals.answer({ id: only().id, answer: 'allow', scope: 'tool', for: 'session' }, 'window');
    expect(await ask(call()).answer).toMatchObject({ outcome: 'denied', by: 'remembered', reason: 'Not there.' });
    expect((await ask(call({ arguments: { path: '/tmp/z' } })).answer).outcome).toBe('allowed');
  });

  it('for always are stored, and survive a restart; others are not', async () => {
    const { ask, only, approvals, stored } = stage();
    ask(call());
    approvals.answer({ id: only().id, answer: 'allow', scope: 'tool', for: 'session' }, 'window');
    expect(stored()).toEqual([]);
    ask(call({ tool: 'edit_file' }));
    approvals.answer({ id: only().id, answer: 'allow', scope: 'tool', for: 'always' }, 'window');
    expect(stored()).toHaveLength(1);
    const after = stage({}, stored());
    expect((await after.ask(call({ tool: 'edit_file', session: 'session-9' })).answer).by).toBe('remembered');
    after.ask(call());
    expect(after.approvals.list()).toHaveLength(1);
    after.approvals.forget(after.approvals.remembered()[0]?.id ?? '');
    expect(after.stored()).toEqual([]);
    expect(() => after.approvals.forget('x')).toThrow(expect.objectContaining({ code: 'remembered_not_found' }));
  });

  it('that cannot be stored answer nothing', async () => {
    const { ask, only, approvals, store } = stage();
    const request = ask(call());
    store.fail = true;
    expect(() => approvals.answer({ id: only().id, answer: 'allow', scope: 'tool', for: 'always' }, 'window')).toThrow(
      'disk full',
    );
    await Promise.resolve();
    expect(request.now()).toBeUndefined();
    expect(approvals.list()).toHaveLength(1);
    expect(approvals.remembered()).toEqual([]);
  });

  it('are never made for dangerous tools, nor used for them', async () => {
    const { ask, only, approvals } = stage();
    ask(call(), dangerous);
    expect(only().remember).toEqual({ scopes: ['call'], durations: ['once'] });
    for (const duration of ['15m', 'session', 'always'] as const) {
      expect(() => approvals.answer({ id: only().id, answer: 'allow', for: duration }, 'cli')).toThrow(
        expect.objectContaining({ code: 'approval_not_rememberable' }),
      );
    }
    approvals.withdraw({}, 'denied');
    ask(call());
    approvals.answer({ id: only().id, answer: 'allow', scope: 'tool', for: 'always' }, 'cli');
    ask(call(), dangerous);
    expect(approvals.list()).toHaveLength(1);
  });

  it('for a whole tool do not cover what a built-in rule asks about', async () => {
    const { ask, only, approvals } = stage();
    const builtIn = { ...asks, rule: 'built-in:credentials' };
    ask(call());
    approvals.answer({ id: only().id, answer: 'allow', scope: 'tool', for: 'always' }, 'cli');
    ask(call({ arguments: { path: '/home/me/.ssh/id_rsa' } }), builtIn);
    expect(only().remember.scopes).toEqual(['call', 'arguments']);
    approvals.answer({ id: only().id, answer: 'allow', scope: 'arguments', for: 'session' }, 'cli');
    expect((await ask(call({ arguments: { path: '/home/me/.ssh/id_rsa' } }), builtIn).answer).by).toBe('remembered');
  });

  it('for a whole tool do not cover what cannot be taken back', async () => {
    const { ask, only, approvals } = stage();
    const forGood = { ...asks, rule: 'access:irreversible' };
    const refund = (amount: number) => call({ tool: 'create_refund', arguments: { amount } });
    ask(refund(1), forGood);
    expect(only().remember.scopes).toEqual(['call', 'arguments']);
    approvals.answer({ id: only().id, answer: 'allow', scope: 'arguments', for: 'session' }, 'cli');
    expect((await ask(refund(1), forGood).answer).by).toBe('remembered');
    ask(refund(2), forGood);
    expect(approvals.list()).toHaveLength(1);
  });
});
