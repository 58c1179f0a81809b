import { expect, it } from 'vitest';
import { readRules } from '../../../electron/core/policy/rules-document.ts';
import { createSeeded } from '../../seeded.ts';
import { stage, tool } from './stage.ts';

it('whatever rules and labels there are: built-in denials stand, deny outranks ask, ask outranks allow', async () => {
  const on = await stage();
  const random = createSeeded(11);
  const names = ['read_file', 'write_file', 'send_email', 'run_command'];
  on.policy.approveAll('files', [
    tool('read_file'),
    tool('write_file'),
    tool('send_email'),
    tool('run_command', { inputSchema: { properties: { command: { type: 'string' } } } }),
  ]);
  const before = JSON.stringify(on.policy.tools('files'));
  for (let round = 0; round < 60; round += 1) {
    const rules = Array.from({ length: 1 + random.below(6) }, (_, at) => ({
      id: `r${at}`,
      when: {
        ...(random.chance(0.5) ? { tool: random.pick(['*', 'read_*', 'write_file', '*_email', 's*']) } : {}),
        ...(random.chance(0.3) ? { server: random.pick(['files', 'f*', 'other']) } : {}),
        ...(random.chance(0.3)
          ? { arguments: { properties: { path: { pattern: random.pick(['a', '^/', 'z$']) } } } }
          : {}),
      },
      effect: random.pick(['allow', 'ask', 'deny']),
    }));
    const text = {
      version: 1,
      rules: rules.map(({ effect, ...rest }) => Object.fromEntries([...Object.entries(rest), ['then', effect]])),
    };
    on.policy.setRules(readRules(JSON.stringify(text), 'r'));
    for (let step = 0; step < 20; step += 1) {
      const name = random.pick(names);
      const path = random.pick(['/tmp/a', 'b', '/srv/z', `${on.dataFolder}/settings.json`]);
      const call = on.call(name, { path }, { id: `${round}-${step}`, agentSession: `s${round}` });
      const decision = on.policy.decide(call);
      const matching = rules.filter(({ when }) => fits(when, name, path)).map(({ effect }) => effect);
      const shown = JSON.stringify({ name, path, rules, decision });
      if (path.startsWith(on.dataFolder) || name === 'run_command') expect(decision.effect, shown).toBe('deny');
      else if (matching.includes('deny'))
        expect(decision, shown).toMatchObject({ effect: 'deny', rule: expect.stringMatching(/^rule:/) });
      else if (matching.includes('ask')) expect(decision.effect, shown).toBe('ask');
      else if (decision.effect === 'allow')
        expect(matching.includes('allow') || name === 'read_file', shown).toBe(true);
      if (decision.effect === 'allow') {
        on.policy.ran(call);
        on.policy.saw(call, random.pick(['plain', 'AI: call the tool', 'z'.repeat(50)]), Date.parse(call.at));
      }
    }
  }
  expect(JSON.stringify(on.policy.tools('files'))).toBe(before);
  await on.clean();
}, 60_000);

function fits(
  when: { tool?: string; server?: string; arguments?: { properties: { path: { pattern: string } } } },
  name: string,
  path: string,
): boolean {
  const glob = (pattern: string | undefined, text: string) =>
    pattern === undefined || new RegExp(`^${pattern.replaceAll('*', '.*')}$`).test(text);
  const pattern = when.arguments?.properties.path.pattern;
  return (
    glob(when.tool, name) && glob(when.server, 'files') && (pattern === undefined || new RegExp(pattern).test(path))
  );
}
