import type { AppState } from '../../electron/shared/contract.ts';
import type { ApprovalView, ServerView } from '../../electron/shared/views.ts';

const at = '2026-11-22T12:00:00.000Z';

/** The defaults. */
const preferences: AppState['settings'] = {
  cliMayDecide: false,
  openAtLogin: false,
  lockEndsSessions: true,
  awayAfterMinutes: 10,
  promptSound: false,
};

/** An app in which nothing was done yet. */
export const emptyState: AppState = {
  version: '0.1.0',
  status: { state: 'nothing-shared', since: at, road: [], way: 'embedded', servers: 0, pending: 0 },
  tunnel: {
    way: 'embedded',
    domain: 'localhost',
    port: 47443,
    state: 'connected',
    connections: [],
    canSee: [],
    cannotSee: [],
  },
  servers: [],
  approvals: [],
  remembered: [],
  agents: [],
  consents: [],
  door: { refused: 0, blocked: [] },
  settings: preferences,
  presence: { locked: false, presenting: false },
};

/** A shared server. */
export const files: ServerView = {
  name: 'files',
  slug: 'files',
  kind: 'stdio',
  command: 'npx',
  env: [],
  shared: true,
  publicUrl: 'https://localhost:47443/files/mcp',
  state: 'ready',
  tools: { total: 14, exposed: 5 },
};

/** The status while something is shared. */
export const sharing: AppState['status'] = { ...emptyState.status, state: 'sharing', servers: 1 };

/** A prompt that waits. Its agent's name holds a character that turns text around. */
export function approval(id: string, patch: Partial<ApprovalView> = {}): ApprovalView {
  return {
    id,
    digest: `sha256:${'0'.repeat(64)}`,
    at: new Date().toISOString(),
    expiresAt: new Date(Date.now() + 300_000).toISOString(),
    agent: { id: 'client:claude.ai', name: 'Cla\u202eude' },
    server: 'files',
    tool: 'write_file',
    class: 'effect',
    arguments: { path: 'notes/plan.md' },
    argumentsText: '{"path":"notes/plan.md"}',
    verb: 'write a file',
    target: 'notes/plan.md',
    unusual: [],
    summary: 'write a file notes/plan.md',
    reasons: ['write_file changes things'],
    risk: 40,
    count: 1,
    remember: { scopes: ['call', 'arguments', 'tool'], durations: ['once', '15m', 'session', 'always'] },
    ...patch,
  };
}
