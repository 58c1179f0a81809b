import { expect, test } from 'vitest';
import { initialEdgeConfig, parseEdgeConfig } from '../../../electron/core/tunnel/edge/edge-config.ts';

function refusal(text: string): string {
  try {
    parseEdgeConfig(text, 'edge.yaml');
    return 'accepted';
  } catch (error) {
    expect(error).toMatchObject({ code: 'edge_config_invalid', hop: 'edge' });
    return (error as Error).message;
  }
}

test('what init writes is accepted, with the defaults that it names', () => {
  const text = initialEdgeConfig({ name: 'edge.test', port: 443, hosts: ['0.0.0.0', '::'], operations: 9464 });
  expect(parseEdgeConfig(text, 'edge.yaml')).toMatchObject({ name: 'edge.test', port: 443, agents: { allow: [] } });
  // The commented lines say the defaults and may be taken into use.
  const opened = text.replace(/^# (limits:|\s+(?:source|tunnel|total):)/gm, '$1');
  expect(parseEdgeConfig(opened, 'edge.yaml').limits).toEqual(parseEdgeConfig(text, 'edge.yaml').limits);
});

test('mistakes are named where they stand', () => {
  expect(refusal('version: 1\nname: e.test\nagents:\n  allow: []\n  alow: []\n')).toBe(
    'edge.yaml:5:3: unknown key "alow"',
  );
  expect(refusal('version: 1\nname: e.test\nport: 99999\n')).toMatch(/^edge\.yaml:3:7: port:/);
  expect(refusal('version: 1\nname: "not a name"\n')).toMatch(/^edge\.yaml:2:7: name: must be a DNS name/);
  expect(refusal('version: 1\nname: e.test\nagents: { allow: [10.0.0.0/99] }\n')).toMatch(/^edge\.yaml:3:19: /);
  expect(refusal('version: 1\nname: [\n')).toMatch(/^edge\.yaml:\d+:\d+: /);
  expect(refusal('version: 1\nname: a.test\nname: b.test\n')).toMatch(/^edge\.yaml:3:1: /);
  expect(refusal('')).toMatch(/^edge\.yaml:1:1: /);
  expect(refusal('version: 2\nname: e.test\n')).toMatch(/^edge\.yaml:1:10: version/);
});
