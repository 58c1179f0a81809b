import { expect, test } from 'vitest';
import { type ReviewFacts, reviewOf } from '../../../electron/core/handlers/weekly-review.ts';
import type { LogRow, RememberedView } from '../../../electron/shared/views.ts';

const day = 86_400_000;
const now = Date.parse('2026-11-22T12:00:00.000Z');
const ago = (days: number): string => new Date(now - days * day).toISOString();
const agent = { id: 'client:claude.ai', name: 'Claude' };

function row(tool: string, more: Partial<LogRow> = {}): LogRow {
  return {
    seq: 1,
    at: ago(1),
    id: tool,
    kind: 'call',
    agent,
    server: 'files',
    tool,
    bytesIn: 0,
    bytesOut: 0,
    hash: '',
    ...more,
  };
}
const remembered = (id: string, tool: string, at = ago(20)): RememberedView => ({
  id,
  agent,
  server: 'files',
  tool,
  effect: 'allow',
  scope: 'tool',
  duration: 'always',
  at,
  used: 0,
});
const decision = { effect: 'ask' as const, rule: 'rule:used', reasons: [], risk: 1, class: 'effect' as const };
const tool = (name: string, access: 'allow' | 'off' = 'allow') => ({
  name,
  class: 'read' as const,
  why: '',
  access,
  pin: `pin-${name}`,
  state: 'approved' as const,
});
const facts: ReviewFacts = {
  now,
  from: now - 30 * day,
  calls: [
    row('read', { decision }),
    row('write', { answer: { by: 'remembered', after: 0 } }),
    row('write', { answer: { by: 'window', after: 900 } }),
    row('write', { answer: { by: 'tray', after: 9_000 } }),
  ],
  remembered: [remembered('kept', 'write'), remembered('idle', 'move'), remembered('young', 'copy', ago(2))],
  agents: [
    {
      ...agent,
      kind: 'oauth',
      callsToday: 0,
      grants: [
        { id: 'g1', server: 'files', scope: '', expiresAt: ago(-60), lastUsedAt: ago(2) },
        { id: 'g2', server: 'tickets', scope: '', expiresAt: ago(-10), lastUsedAt: ago(31) },
      ],
    },
  ],
  servers: [
    {
      name: 'files',
      slug: 'files',
      kind: 'stdio',
      env: [],
      shared: true,
      state: 'ready',
      tools: { total: 3, exposed: 2 },
    },
    {
      name: 'old',
      slug: 'old',
      kind: 'stdio',
      env: [],
      shared: false,
      state: 'ready',
      tools: { total: 3, exposed: 2 },
    },
  ],
  tools: () => [tool('read'), tool('list'), tool('drop', 'off')],
  rules: ['used', 'never'],
  certificates: [{ what: 'authority', notAfter: ago(-5) }],
};

test('names what nobody used, what ends soon, and how prompts were answered', () => {
  expect(reviewOf(facts)).toEqual({
    since: ago(30),
    days: 30,
    prompts: { count: 2, quick: 1 },
    remembered: [{ id: 'idle', agent: 'Claude', server: 'files', tool: 'move' }],
    rules: ['never'],
    agents: [{ id: 'g2', name: 'Claude', server: 'tickets', lastUsedAt: ago(31) }],
    tools: [{ server: 'files', tool: 'list', pin: 'pin-list' }],
    ending: [
      { what: 'authority', at: ago(-5) },
      { what: 'grant', at: ago(-10), id: 'g2', name: 'Claude', server: 'tickets' },
    ],
  });
});

test('calls nothing unused in the first week', () => {
  expect(reviewOf({ ...facts, from: now - 6 * day })).toMatchObject({
    remembered: [],
    rules: [],
    agents: [],
    tools: [],
  });
});
