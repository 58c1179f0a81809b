import { expect, test } from 'vitest';
import { anthropicChecklist, type Seen } from '../../../electron/core/tunnel/connectors/anthropic/checklist.ts';

const connected = {
  state: 'connected',
  connections: [{ edge: 'fra08', transport: 'http2', since: '2026-11-22T12:00:00Z' }],
} as const;
const authority = (seen: Seen) => anthropicChecklist('a.example', connected, seen, [])[1];

test('a tunnel that agents are not offered: its authority is not registered, and the checklist says so', () => {
  expect(authority({})).toMatchObject({ step: 'authority', state: 'unproven' });
  expect(authority({})?.detail).toContain('until then no agent is offered it');
  expect(authority({ registeredAs: 'tcrt_1' })).toMatchObject({ state: 'done' });
  expect(authority({ securedAs: '' })).toMatchObject({ state: 'done' });
});

test('an authority that was refused is a step that failed, in the words of the log, until one is taken', () => {
  const refusedBecause = 'tls handshake failed: remote error: tls: unknown certificate authority.';
  expect(authority({ refusedBecause, registeredAs: 'tcrt_1' })).toMatchObject({
    state: 'failed',
    detail: refusedBecause,
  });
  expect(authority({ refusedBecause, securedAs: 'a.example' })).toMatchObject({ state: 'done' });
});

test('no step is ticked by itself: without connection, server and call each is open, and says what to do', () => {
  const steps = anthropicChecklist('a.example', { state: 'connecting', connections: [] }, {}, []);
  expect(steps.map(({ step, state }) => [step, state])).toEqual([
    ['tunnel', 'done'],
    ['authority', 'unproven'],
    ['connector', 'open'],
    ['servers', 'open'],
    ['first-call', 'unproven'],
  ]);
});
