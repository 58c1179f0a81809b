import { describe, expect, test } from 'vitest';
import type { AppState } from '../../../electron/shared/contract.ts';
import { type TrayItem, trayModel } from '../../../electron/shared/tray-model.ts';
import { approval, dangerousApproval, emptyState, noon, sharingState } from '../../renderer/fixtures.ts';

const status = (change: Partial<AppState['status']>): AppState => {
  const state = sharingState();
  return { ...state, status: { ...state.status, ...change } };
};
const clock = (at: string): string =>
  new Date(at).toLocaleTimeString(undefined, { hour: '2-digit', minute: '2-digit' });
const item = (items: readonly TrayItem[], id: string): TrayItem | undefined => items.find((each) => each.id === id);

describe('the shape and the words', () => {
  test('nothing shared', () => {
    expect(trayModel(emptyState())).toMatchObject({
      icon: 'off',
      tooltip: 'Nothing shared: nobody can reach this machine',
    });
  });

  test('an agent that asks to be let in is announced, not answered, and its code is not in the tray', () => {
    const consent = {
      id: 'c1',
      at: '2026-11-22T12:00:00.000Z',
      expiresAt: '2026-11-22T12:02:00.000Z',
      phase: 'asked' as const,
      client: { id: 'client:claude.ai', name: 'Claude (claude.ai)', verified: true, host: 'claude.ai', known: false },
      redirectHost: 'claude.ai',
      server: 'files',
      scope: 'all-shared',
      tools: [],
      until: '2027-02-20T12:00:00.000Z',
      code: '418206',
    };
    const model = trayModel({ ...sharingState(), consents: [consent] }, noon);
    expect(model).toMatchObject({ icon: 'attention', badge: 1, tooltip: 'Claude (claude.ai) asks to use files' });
    expect(item(model.items, 'consent:c1')).toMatchObject({ action: { type: 'consent' } });
    expect(JSON.stringify(model)).not.toContain('418');
  });

  test('connecting names what it connects to', () => {
    const embedded = status({ state: 'connecting' });
    expect(trayModel(embedded)).toMatchObject({ icon: 'connecting', tooltip: 'Opening the door on this machine…' });
    const edge = { ...embedded, tunnel: { ...embedded.tunnel, way: 'edge' as const } };
    expect(trayModel(edge).tooltip).toBe('Connecting to the edge…');
  });

  test('sharing counts the servers and the time since the last call', () => {
    const state = sharingState();
    expect(trayModel(state, noon)).toMatchObject({
      icon: 'sharing',
      tooltip: '2 servers shared · last call 14 s ago',
    });
    expect(trayModel(state, noon + 180_000)).toMatchObject({
      icon: 'idle',
      tooltip: '2 servers shared · last call 3 min ago',
    });
  });

  test('without a time it says nothing that grows old', () => {
    const state = sharingState();
    expect(trayModel(state)).toMatchObject({
      icon: 'sharing',
      tooltip: `2 servers shared · last call at ${clock(state.status.lastCallAt ?? '')}`,
    });
    const { lastCallAt: _, ...quiet } = state.status;
    expect(trayModel({ ...state, status: quiet }).tooltip).toBe('2 servers shared · no call yet');
  });

  test('somebody waiting outranks trouble, and is counted', () => {
    const state = { ...status({ state: 'trouble' }), approvals: [approval, dangerousApproval] };
    expect(trayModel(state)).toMatchObject({
      icon: 'attention',
      badge: 2,
      tooltip: 'Claude (claude.ai) asks to write a file: ~/notes/plan.md · content 65 characters, and 1 more',
    });
  });

  test('paused outranks everything', () => {
    const state: AppState = { ...sharingState(), approvals: [approval], paused: { at: '2026-11-22T11:00:00.000Z' } };
    expect(trayModel(state)).toMatchObject({ icon: 'paused', tooltip: 'Paused: nothing gets through' });
    expect(trayModel(state)).not.toHaveProperty('badge');
  });

  test('trouble says where and since when', () => {
    const at = '2026-11-22T10:02:00.000Z';
    const state = status({ state: 'trouble', road: [{ hop: 'edge', ok: false, at }] });
    expect(trayModel(state)).toMatchObject({ icon: 'trouble', tooltip: `Edge unreachable since ${clock(at)}` });
    const server = status({ state: 'trouble', road: [{ hop: 'server', ok: false, at }] });
    expect(trayModel(server).tooltip).toBe(`A shared server is down since ${clock(at)}`);
  });
});

describe('the menu', () => {
  test('status first, then servers with switches, then what a person can do', () => {
    const { items } = trayModel(sharingState());
    expect(items.map((each) => each.id)).toEqual([
      'status',
      'separator:servers',
      'server:files',
      'server:tickets',
      'separator:commands',
      'pause',
      'away',
      'presenting',
      'open',
      'quit',
    ]);
    expect(item(items, 'server:files')).toMatchObject({
      type: 'checkbox',
      checked: true,
      action: { type: 'unshare', server: 'files' },
    });
  });

  test('each prompt is answerable, with the digest that was shown', () => {
    const { items } = trayModel({ ...sharingState(), approvals: [approval] });
    const actions = item(items, 'approval:approval-1')?.items?.map((each) => each.action);
    expect(actions).toEqual([
      { type: 'answer', id: 'approval-1', digest: approval.digest, answer: 'allow' },
      { type: 'answer', id: 'approval-1', digest: approval.digest, answer: 'deny' },
      { type: 'review', id: 'approval-1' },
    ]);
  });

  test('a flood of prompts stays a short menu', () => {
    const many = Array.from({ length: 200 }, (_, index) => ({ ...approval, id: `a${index}` }));
    const { items } = trayModel({ ...sharingState(), approvals: many });
    expect(items.filter((each) => each.id.startsWith('approval:'))).toHaveLength(5);
    expect(item(items, 'approvals-more')).toMatchObject({ label: '195 more…', action: { type: 'review' } });
  });

  test('paused offers to resume, never both', () => {
    const { items } = trayModel({ ...sharingState(), paused: { at: '2026-11-22T11:00:00.000Z' } });
    expect(item(items, 'resume')?.action).toEqual({ type: 'resume' });
    expect(item(items, 'pause')).toBeUndefined();
  });

  test('outsiders’ text is made visible and short', () => {
    const evil = {
      ...approval,
      agent: { id: 'x', name: `Cl\u202eaude${'x'.repeat(500)}` },
      summary: 'write\na\u0007file',
    };
    const { items, tooltip } = trayModel({ ...sharingState(), approvals: [evil] });
    const label = item(items, 'approval:approval-1')?.label ?? '';
    expect(label).toContain('Cl⟨U+202E⟩aude');
    expect(label).toContain('write␊a␇file');
    expect(label.length).toBeLessThan(160);
    expect(tooltip).not.toMatch(/[\u0000-\u001f\u202e]/);
  });
});
