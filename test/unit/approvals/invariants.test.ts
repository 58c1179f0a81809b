import { describe, expect, it } from 'vitest';
import type { ApprovalView } from '../../../electron/shared/views.ts';
import { createSeeded } from '../../seeded.ts';
import { asks, type CallOptions, call, type Request, stage } from './stage.ts';

/** What a key has been granted by answers that cover single calls, and what ran of it. */
interface Ledger {
  granted: number;
  ran: number;
}

interface Rule {
  readonly agent: string;
  readonly tool: string;
  readonly pin: string;
  readonly args: string | undefined;
  readonly session: string | undefined;
  readonly effect: 'allow' | 'deny';
  readonly until: number;
}

const agents = ['token:a', 'token:b'];
const tools = ['write_file', 'edit_file', 'run_command'];
const paths = ['/a', '/b'];

const codeOf = (run: () => void): string => {
  try {
    run();
    return 'done';
  } catch (error) {
    return (error as { code: string }).code;
  }
};

describe.each([1, 2, 3, 4])('thousands of random steps (seed %i)', (seed) => {
  it('run nothing that was not answered, nothing twice, and nothing denied', async () => {
    const random = createSeeded(seed);
    const { approvals, clock, ask, settled } = stage({ limits: { opensPerMinute: 1_000 } });
    const ledger = new Map<string, Ledger>();
    const open: { request: Request; options: Required<Omit<CallOptions, 'deadline' | 'server'>>; counted: boolean }[] =
      [];
    const pins = new Map(tools.map((tool) => [tool, 1]));
    const retired = new Set<string>();
    const seen = new Map<string, string>();
    let rules: Rule[] = [];
    let sessions = 1;
    const tally = { permit: 0, remembered: 0, person: 0, denied: 0, pending: 0, expired: 0, stale: 0 };

    const keyOf = (view: { agent: string; tool: string; args: string; pin: string }): string =>
      JSON.stringify([view.agent, view.tool, view.args, view.pin]);
    const entry = (key: string): Ledger => {
      const found = ledger.get(key) ?? { granted: 0, ran: 0 };
      ledger.set(key, found);
      return found;
    };
    const fits = (
      rule: Rule,
      at: { agent: string; tool: string; args: string; pin: string; session: string },
    ): boolean =>
      rule.agent === at.agent &&
      rule.tool === at.tool &&
      rule.pin === at.pin &&
      (rule.args === undefined || rule.args === at.args) &&
      (rule.session === undefined || rule.session === at.session) &&
      rule.until > clock.monotonic();

    /** Looks at every answer that has come since, and checks that something covers what ran. */
    const check = async (): Promise<void> => {
      await settled();
      for (const one of open) {
        const answer = one.request.now();
        if (one.counted || !answer) continue;
        one.counted = true;
        const at = { ...one.options, args: JSON.stringify(one.options.arguments) };
        if (answer.outcome === 'pending') tally.pending += 1;
        if (answer.outcome === 'expired') tally.expired += 1;
        if (answer.outcome === 'denied') tally.denied += 1;
        if (answer.outcome !== 'allowed') continue;
        expect(
          rules.some((rule) => rule.effect === 'deny' && fits(rule, at)),
          'a denial outranks',
        ).toBe(false);
        if (answer.by === 'remembered') {
          tally.remembered += 1;
          expect(one.options.tool, 'dangerous is never remembered').not.toBe('run_command');
          expect(
            rules.some((rule) => rule.effect === 'allow' && fits(rule, at)),
            'a remembered answer covers it',
          ).toBe(true);
          continue;
        }
        tally[answer.by === 'permit' ? 'permit' : 'person'] += 1;
        const held = entry(keyOf(at));
        held.ran += 1;
        expect(held.ran, 'N shown is N run at most').toBeLessThanOrEqual(held.granted);
      }
      for (const view of approvals.list()) {
        const text = JSON.stringify(view);
        expect(seen.get(view.id) ?? text, 'one id, one record').toBe(text);
        seen.set(view.id, text);
        expect(retired.has(view.id), 'an id never comes back').toBe(false);
      }
    };

    approvals.onEvent((event) => {
      if (event.type === 'closed') retired.add(event.approval.id);
    });

    const answer = (view: ApprovalView): void => {
      const effect = random.chance(0.6) ? 'allow' : 'deny';
      const duration = random.chance(0.75) ? 'once' : random.pick(['15m', 'session'] as const);
      const scope = random.pick(['call', 'arguments', 'tool'] as const);
      const pin = `sha256:${pins.get(view.tool)}`;
      const outcome = codeOf(() =>
        approvals.answer({ id: view.id, digest: view.digest, answer: effect, scope, for: duration }, 'cli'),
      );
      if (view.class === 'dangerous' && duration !== 'once') {
        expect(outcome).toBe('approval_not_rememberable');
        return;
      }
      expect(outcome).toBe('done');
      const args = JSON.stringify(view.arguments);
      const shownPin = pinsShown.get(view.digest) ?? pin;
      if (effect === 'allow')
        entry(keyOf({ agent: view.agent.id, tool: view.tool, args, pin: shownPin })).granted += view.count;
      if (duration === 'once') return;
      rules.push({
        agent: view.agent.id,
        tool: view.tool,
        pin: shownPin,
        args: scope === 'tool' ? undefined : args,
        session: duration === 'session' ? sessionsShown.get(view.digest) : undefined,
        effect,
        until: clock.monotonic() + (duration === '15m' ? 900_000 : 43_200_000),
      });
    };

    const pinsShown = new Map<string, string>();
    const sessionsShown = new Map<string, string>();
    for (let step = 0; step < 3_000; step += 1) {
      const what = random.below(100);
      if (what < 45) {
        const tool = random.pick(tools);
        const options = {
          agent: random.pick(agents),
          tool,
          session: `session-${sessions}`,
          arguments: { path: random.pick(paths) },
          pin: `sha256:${pins.get(tool)}`,
        };
        const made = call(options);
        pinsShown.set(made.digest, options.pin);
        sessionsShown.set(made.digest, options.session);
        open.push({
          request: ask(made, { ...asks, class: tool === 'run_command' ? 'dangerous' : 'effect' }),
          options,
          counted: false,
        });
      } else if (what < 62) {
        const views = approvals.list();
        if (views.length > 0) answer(random.pick(views));
      } else if (what < 70) {
        const [old] = [...retired].slice(-random.below(20) - 1);
        if (old !== undefined) {
          const outcome = codeOf(() => approvals.answer({ id: old, answer: 'allow' }, 'cli'));
          expect(['approval_stale', 'approval_not_found']).toContain(outcome);
          tally.stale += 1;
        }
      } else if (what < 78) {
        const waiting = open.filter((one) => !one.counted);
        if (waiting.length > 0) {
          const one = random.pick(waiting);
          if (random.chance(0.5)) one.request.closeStream();
          else one.request.cancel();
        }
      } else if (what < 96) {
        clock.advance(random.pick([10, 1_000, 20_000, 45_000, 120_000]));
      } else if (what < 97) {
        sessions += 1;
      } else if (what < 98) {
        // The server changes a tool: everything remembered of its old definition is void.
        const tool = random.pick(tools);
        pins.set(tool, (pins.get(tool) ?? 0) + 1);
      } else {
        const agent = random.pick(agents);
        approvals.withdraw({ agent }, random.pick(['paused', 'denied'] as const));
        for (const [key, held] of ledger) if (key.startsWith(`["${agent}"`)) held.granted = held.ran;
      }
      await check();
      rules = rules.filter((rule) => rule.until > clock.monotonic());
      if (open.length > 400) open.splice(0, open.length - 200);
    }
    // The run must have come past everything that it is about.
    for (const [name, times] of Object.entries(tally)) expect(times, name).toBeGreaterThan(0);
    approvals.close();
    expect(clock.pending).toBe(0);
  });
});
