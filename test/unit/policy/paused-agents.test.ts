import { expect, it } from 'vitest';
import { createPausedAgents, type PausedAgent } from '../../../electron/core/policy/paused-agents.ts';
import { readRules } from '../../../electron/core/policy/rules-document.ts';
import { createManualClock } from '../../manual-clock.ts';
import { stage, tool } from './stage.ts';

const claude = { id: 'client:claude.ai', name: 'Claude' };

it('keeps who is paused before it counts, for the first reason, over restarts', () => {
  let file: readonly PausedAgent[] = [];
  let fails = false;
  const kept = {
    read: () => file,
    write(agents: readonly PausedAgent[]) {
      if (fails) throw new Error('disk full');
      file = agents;
    },
  };
  const clock = createManualClock();
  const agents = createPausedAgents({ clock, kept });
  expect(agents.pause(claude, 'a budget')).toBe(true);
  expect(agents.pause(claude, 'another')).toBe(false);
  expect(file).toEqual([{ ...claude, at: expect.any(String), why: 'a budget' }]);
  expect(createPausedAgents({ clock, kept }).get(claude.id)?.why).toBe('a budget');
  fails = true;
  expect(() => agents.pause({ id: 'b', name: 'b' }, 'x')).toThrow('disk full');
  expect(() => agents.resume(claude.id)).toThrow('disk full');
  expect([agents.get('b'), agents.get(claude.id)?.why]).toEqual([undefined, 'a budget']);
  fails = false;
  expect(agents.resume(claude.id).name).toBe('Claude');
  expect([agents.list(), file]).toEqual([[], []]);
  expect(() => agents.resume(claude.id)).toThrow('No agent of that id is paused.');
});

it('nothing of a paused agent runs, and resuming counts its budgets anew', async () => {
  const agents = createPausedAgents({ clock: createManualClock() });
  const on = await stage({ agents });
  try {
    on.policy.approveAll('files', [tool('read_file')]);
    on.policy.setRules(readRules('version: 1\nbudgets: [{ calls: 1, per: session, then: pause }]\n', 'r'));
    const call = (id: string) => on.call('read_file', {}, { id });
    on.policy.ran(call('one'));
    expect(on.policy.decide(call('two'))).toMatchObject({ effect: 'deny', rule: 'budget:pause' });
    agents.pause({ id: 'token:a', name: 'a' }, 'The budget is used up.');
    expect(on.policy.decide(call('two'))).toMatchObject({ effect: 'deny', rule: 'agent:paused' });
    expect(on.policy.decide({ ...call('x'), method: 'tools/list' }).effect).toBe('allow');
    expect(on.policy.decide({ ...call('x'), method: 'resources/read', feature: 'resources' }).rule).toBe(
      'agent:paused',
    );
    expect(on.policy.decide({ ...call('two'), agent: { id: 'token:b', name: 'b' } }).effect).toBe('allow');
    agents.resume('token:a');
    expect(on.policy.decide(call('two')).rule).toBe('budget:pause');
    on.policy.resumed('token:a');
    expect(on.policy.decide(call('two')).effect).toBe('allow');
  } finally {
    await on.clean();
  }
});
