import { describe, expect, it } from 'vitest';
import { deriveStatus, type StatusFacts } from '../../../electron/core/state/status.ts';
import type { ServerView, TunnelView } from '../../../electron/shared/views.ts';

const now = '2026-11-22T12:00:00.000Z';
const server: ServerView = {
  name: 'files',
  slug: 'files',
  kind: 'stdio',
  env: [],
  shared: true,
  state: 'ready',
  tools: { total: 2, exposed: 1 },
};
const tunnel: TunnelView = {
  way: 'embedded',
  domain: 'localhost',
  port: 47443,
  state: 'connected',
  connections: [],
  canSee: [],
  cannotSee: [],
};
const facts: StatusFacts = {
  now,
  paused: false,
  pending: 0,
  servers: [server],
  tunnel,
  probe: { ok: true, at: now, ms: 3 },
};

describe('deriveStatus', () => {
  it('says sharing only when a probe came back', () => {
    expect(deriveStatus(facts).state).toBe('sharing');
    expect(deriveStatus({ ...facts, probe: undefined }).state).toBe('connecting');
    expect(deriveStatus({ ...facts, probe: { ok: false, at: now, ms: 3, hop: 'tunnel' } }).state).toBe('trouble');
  });

  it('puts the pause before everything, and a waiting person before trouble', () => {
    const trouble = { ...facts, pending: 1, tunnel: { ...tunnel, state: 'trouble' as const } };
    expect(deriveStatus(trouble).state).toBe('attention');
    expect(deriveStatus({ ...trouble, paused: true }).state).toBe('paused');
  });

  it('says nothing shared without shared servers, and trouble when a shared one crashed', () => {
    expect(deriveStatus({ ...facts, servers: [{ ...server, shared: false }] }).state).toBe('nothing-shared');
    const crashed = deriveStatus({ ...facts, servers: [{ ...server, state: 'crashed' }] });
    expect(crashed.state).toBe('trouble');
    expect(crashed.road.at(-1)).toMatchObject({ hop: 'server', ok: false, detail: 'files not answering' });
  });

  it('breaks the road at the hop that failed', () => {
    const road = deriveStatus({ ...facts, probe: { ok: false, at: now, ms: 3, hop: 'inner-tls', detail: 'x' } }).road;
    expect(road.map(({ hop, ok }) => [hop, ok])).toEqual([
      ['edge', true],
      ['tunnel', true],
      ['inner-tls', false],
      ['gateway', false],
      ['server', true],
    ]);
  });

  it('keeps the moment a state began', () => {
    const first = deriveStatus(facts);
    const later = { ...facts, now: '2026-11-22T12:05:00.000Z' };
    expect(deriveStatus(later, first).since).toBe(now);
    expect(deriveStatus({ ...later, paused: true }, first).since).toBe(later.now);
  });

  it('claims no probe and no proof where only our own end can be proven', () => {
    const own: TunnelView = { ...tunnel, way: 'openai', proof: 'own-end' };
    const good = deriveStatus({ ...facts, tunnel: own });
    expect(good).toMatchObject({ state: 'sharing', way: 'openai' });
    expect(good.probe).toBeUndefined();
    expect(good.road[0]).toEqual({ hop: 'edge', ok: true, at: now, detail: 'connected, not proven from outside' });
    const bad = deriveStatus({ ...facts, tunnel: { ...own, state: 'trouble', detail: 'OpenAI refuses the key.' } });
    expect(bad.state).toBe('trouble');
    expect(bad.road[0]).toMatchObject({ hop: 'edge', ok: false, detail: 'OpenAI refuses the key.' });
    expect(deriveStatus({ ...facts, tunnel: { ...own, state: 'connecting' } }).state).toBe('connecting');
  });
});
