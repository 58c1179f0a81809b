import { beforeEach, expect, test } from 'vitest';
import { type Consents, createConsents, grantMs } from '../../../electron/core/oauth/consents.ts';
import { consentView, doorView } from '../../../electron/shared/views.ts';
import { createManualClock } from '../../manual-clock.ts';

let clock: ReturnType<typeof createManualClock>;
let consents: Consents;
let notes: string[];
let granted: Set<string>;

beforeEach(() => {
  clock = createManualClock();
  notes = [];
  granted = new Set();
  const blocked = new Map<string, string>();
  let id = 0;
  consents = createConsents({
    clock,
    newId: () => `id-${++id}`,
    blocked: {
      has: (agent) => blocked.has(agent),
      all: () => [...blocked].map(([agent, name]) => ({ id: agent, name })),
      add: (agent, name) => void blocked.set(agent, name),
      remove: (agent) => blocked.delete(agent),
    },
    tools: () => [
      { name: 'look', class: 'read', access: 'allow' },
      { name: 'change', class: 'effect', access: 'ask' },
    ],
    hasGrant: (client) => granted.has(client),
    onNote: (message) => notes.push(message),
    newCode: () => '418206',
  });
});

const request = (id: string, clientId = id, known = false) => ({
  id,
  clientId,
  client: { agent: `client:${clientId}`, name: clientId, verified: false },
  redirectHost: 'this machine',
  server: 'files',
  resource: 'https://localhost/files/mcp',
  scope: 'all-shared',
  known,
});

test('the door is open for a while, for one agent, and never for who is blocked', () => {
  expect(consents.admit('c', undefined)).toBe('closed');
  consents.letIn(600_000);
  expect(consents.admit('c', undefined)).toBe('heard');
  clock.advance(599_999);
  expect(consents.doorOpen()).toBe(true);
  clock.advance(1);
  expect(consents.admit('c', undefined)).toBe('closed');
  granted.add('c');
  expect(consents.admit('c', undefined)).toBe('heard');
  expect(doorView.parse(consents.door())).toMatchObject({ refused: 2 });
  expect(consents.door().openUntil).toBeUndefined();
});

test('a thousand attempts at the closed door are one row a minute and a counter', () => {
  for (let at = 0; at < 1_000; at += 1) consents.admit(`c${at}`, undefined);
  expect(notes).toHaveLength(1);
  expect(consents.door().refused).toBe(1_000);
});

test('one request of a client, five in all', () => {
  expect(consents.open(request('a', 'same'))).toBe('opened');
  expect(consents.open(request('b', 'same'))).toBe('busy');
  for (const id of ['c', 'd', 'e', 'f']) expect(consents.open(request(id))).toBe('opened');
  expect(consents.open(request('g'))).toBe('full');
  expect(consents.list().map((one) => consentView.parse(one).id)).toHaveLength(5);
});

test('nobody answers: denied after two minutes; allowed but no code: two more', () => {
  consents.open(request('a'));
  clock.advance(119_999);
  expect(consents.state('a')?.phase).toBe('asked');
  clock.advance(1);
  expect(consents.state('a')).toEqual({ phase: 'denied', why: 'time' });
  consents.open(request('b'));
  clock.advance(100_000);
  consents.answer(consents.list()[0]?.id ?? '', 'allow', 'all', 'test');
  clock.advance(119_999);
  expect(consents.state('b')?.phase).toBe('allowed');
  clock.advance(1);
  expect(consents.state('b')).toEqual({ phase: 'denied', why: 'time' });
  consents.typed('b', '418206');
  expect(consents.state('b')?.phase).toBe('denied');
});

test('allowed and typed, in either order, is granted once and for ninety days', () => {
  consents.letIn(600_000);
  consents.open(request('a'));
  consents.typed('a', '418 206');
  expect(consents.state('a')).toMatchObject({ phase: 'asked', codeTyped: true });
  consents.answer(consents.list()[0]?.id ?? '', 'allow', 'reads', 'test');
  expect(consents.state('a')).toMatchObject({ phase: 'granted', scope: 'read', until: clock.now() + grantMs });
  expect([consents.take('a'), consents.take('a')]).toEqual([true, false]);
  expect(consents.doorOpen()).toBe(false);
});

test('an agent that was let in before leaves the door as it is', () => {
  consents.letIn(600_000);
  consents.open(request('a', 'a', true));
  consents.answer(consents.list()[0]?.id ?? '', 'allow', 'all', 'test');
  consents.typed('a', '418206');
  expect(consents.state('a')?.phase).toBe('granted');
  expect(consents.doorOpen()).toBe(true);
});

test.each(['', '41820', '4182066', '418207', 'abcdef', '⁴18206'])('%j is not the code', (typed) => {
  consents.open(request('a'));
  consents.typed('a', typed);
  expect(consents.state('a')).toMatchObject({ codeTyped: false, triesLeft: 2 });
});

test('an answer that comes too late says so', () => {
  consents.open(request('a'));
  const id = consents.list()[0]?.id ?? '';
  consents.answer(id, 'deny', 'all', 'test');
  expect(() => consents.answer(id, 'allow', 'all', 'test')).toThrow(
    expect.objectContaining({ code: 'consent_not_found' }),
  );
});
