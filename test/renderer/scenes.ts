import type { Page } from 'playwright-core';
import type { AppState } from '../../electron/shared/contract.ts';
import { claudeState } from './claude-state.ts';
import { burst, type FakeCore } from './fake-core.ts';
import {
  ago,
  approval,
  broken,
  comparedApproval,
  dangerousApproval,
  emptyState,
  hostileApproval,
  maskedResult,
  proposals,
  sharingState,
} from './fixtures.ts';

/** One page in one state, as pictures and accessibility checks visit it. */
export interface Scene {
  readonly name: string;
  readonly state: () => AppState;
  readonly route?: string;
  readonly viewport?: { width: number; height: number };
  readonly noKey?: boolean;
  /** It shows what hangs on more than the page's clock, so its picture is kept and looked at, never compared. */
  readonly restless?: boolean;
  before?(core: FakeCore): void | Promise<void>;
  act?(page: Page, core: FakeCore): Promise<void>;
}

/** Two questions wait. */
export const asking = (): AppState => {
  const state = sharingState();
  return {
    ...state,
    status: { ...state.status, state: 'attention', pending: 2 },
    approvals: [approval, dangerousApproval],
  };
};
const emptyLog = (core: FakeCore): void => {
  core.rows = [];
};
const troubled = (): AppState => {
  const state = sharingState();
  return {
    ...state,
    servers: [...state.servers, broken],
    status: {
      ...state.status,
      way: 'edge',
      state: 'trouble',
      road: [
        { hop: 'edge', ok: false, at: ago(240), detail: 'connection refused by edge.example.net' },
        { hop: 'gateway', ok: true, at: ago(9) },
        { hop: 'server', ok: false, at: ago(30), detail: 'weather crashed' },
      ],
      probe: { ok: false, at: ago(9), ms: 5_000, hop: 'edge', detail: 'connection refused' },
    },
    tunnel: {
      ...state.tunnel,
      way: 'edge',
      domain: 'ana.edge.example.net',
      port: 443,
      state: 'trouble',
      connections: [],
      detail: 'Dialling again in 8 s.',
    },
  };
};
const paused = (): AppState => {
  const state = sharingState();
  return { ...state, paused: { at: ago(120) }, status: { ...state.status, state: 'paused' } };
};
const outside = (): AppState => {
  const state = sharingState();
  return {
    ...state,
    status: { ...state.status, way: 'edge' },
    tunnel: {
      ...state.tunnel,
      way: 'edge',
      domain: 'ana.edge.example.net',
      port: 443,
      connections: [
        { edge: 'edge.example.net:443', transport: 'tls', since: ago(7_200), rttMs: 18 },
        { edge: 'edge.example.net:443', transport: 'websocket', since: ago(60), rttMs: 31 },
      ],
    },
  };
};

/** Every page and every designed state. */
export const scenes: readonly Scene[] = [
  { name: 'servers', state: sharingState, route: '#/servers' },
  { name: 'servers-empty', state: emptyState, route: '#/servers', before: emptyLog },
  { name: 'start', state: emptyState, route: '#/start', before: emptyLog },
  {
    name: 'start-called',
    state: emptyState,
    route: '#/start',
    viewport: { width: 1_040, height: 1_000 },
    before: emptyLog,
    async act(page) {
      await page.getByRole('button', { name: 'Try it' }).click();
      await page.getByRole('button', { name: 'Show me what the edge saw' }).click();
    },
  },
  {
    name: 'narrow-start',
    state: emptyState,
    route: '#/start',
    viewport: { width: 360, height: 640 },
    before: emptyLog,
  },
  { name: 'servers-trouble', state: troubled, route: '#/servers' },
  { name: 'server', state: sharingState, route: '#/servers/files', viewport: { width: 1_040, height: 760 } },
  {
    name: 'server-hosted',
    state: sharingState,
    route: '#/servers/tickets',
    act: (page) => page.getByRole('tab', { name: 'Claude', exact: true }).click(),
  },
  {
    name: 'server-walls',
    state: sharingState,
    route: '#/servers/postgres',
    viewport: { width: 1_040, height: 900 },
    before(core) {
      core.handlers['servers.isolation'] = () => ({
        ok: false,
        why: 'bwrap (bubblewrap) is not installed, so no server can be walled in here.',
        hint: 'Install it with apt install bubblewrap.',
      });
    },
    async act(page) {
      await page.getByText('What comes back').click();
      await page.getByText('What it may touch here').click();
      await page.getByRole('radio', { name: 'Walled in' }).check();
      await page.getByLabel('Folders that it may read, one a line').fill('/home/ana/shop');
    },
  },
  { name: 'server-crashed', state: troubled, route: '#/servers/weather' },
  { name: 'server-new', state: sharingState, route: '#/servers/postgres' },
  {
    name: 'add-server',
    state: sharingState,
    route: '#/servers',
    async act(page) {
      await page.getByRole('button', { name: 'Add a server' }).click();
      await page.getByLabel('Name', { exact: true }).fill('memory');
      await page.getByLabel('Command', { exact: true }).fill('npx');
      await page.getByLabel('Arguments, one a line').fill('-y\n@modelcontextprotocol/server-memory\nwith space');
    },
  },
  { name: 'requests', state: sharingState, route: '#/requests' },
  { name: 'requests-details', state: sharingState, route: '#/requests/call-4' },
  {
    name: 'requests-masked',
    state: sharingState,
    route: '#/requests/call-4',
    viewport: { width: 1_040, height: 1_000 },
    before(core) {
      core.handlers['results.list'] = () => ({ results: [maskedResult] });
    },
  },
  { name: 'requests-empty', state: emptyState, route: '#/requests', before: emptyLog },
  {
    name: 'requests-nothing',
    state: sharingState,
    route: '#/requests',
    act: (page) => page.getByRole('searchbox').fill('agent:nobody'),
  },
  {
    name: 'requests-many',
    restless: true,
    state: sharingState,
    route: '#/requests',
    async act(page, core) {
      core.log(burst(100, 190), 12);
      await page.clock.runFor(200);
      await page.getByRole('grid').evaluate((grid) => {
        grid.scrollTop -= 900;
      });
      await page.waitForTimeout(100);
      core.log(burst(300, 37));
      await page.clock.runFor(200);
    },
  },
  { name: 'approvals', state: asking, route: '#/approvals' },
  {
    name: 'approvals-quiet',
    state: sharingState,
    route: '#/approvals',
  },
  { name: 'approvals-empty', state: emptyState, route: '#/approvals', before: emptyLog },
  {
    name: 'prompt',
    state: asking,
    route: '#/servers',
    async act(page) {
      await page.getByRole('button', { name: 'What to remember' }).click();
    },
  },
  {
    name: 'prompt-raw',
    state: () => ({ ...asking(), approvals: [dangerousApproval] }),
    route: '#/requests',
    async act(page) {
      await page.keyboard.press('F6');
      await page.keyboard.press('j');
      await page.getByRole('button', { name: 'Deny with a reason…' }).click();
    },
  },
  {
    name: 'prompt-edit',
    state: asking,
    route: '#/approvals',
    act: (page) => page.getByRole('button', { name: 'Change it…' }).click(),
  },
  { name: 'prompt-window', state: asking, route: '#/prompt/approval-1', viewport: { width: 560, height: 480 } },
  {
    name: 'prompt-compared',
    state: () => ({ ...asking(), approvals: [comparedApproval, approval] }),
    route: '#/prompt/approval-3',
    viewport: { width: 560, height: 560 },
  },
  {
    name: 'prompt-hostile',
    state: () => ({ ...asking(), approvals: [hostileApproval] }),
    route: '#/servers',
  },
  {
    name: 'prompt-over-sheet',
    state: sharingState,
    route: '#/servers',
    async act(page, core) {
      await page.getByRole('button', { name: 'Add a server' }).click();
      core.patch({ approvals: [approval] });
      await page.getByRole('button', { name: 'Allow once' }).waitFor();
    },
  },
  {
    name: 'back-at-the-desk',
    state: () => ({
      ...asking(),
      presence: {
        locked: false,
        presenting: true,
        summary: { from: ago(3_600), to: ago(20), ran: 6, waiting: 2, expired: 1 },
      },
    }),
    route: '#/approvals',
  },
  {
    name: 'weekly-review',
    state: sharingState,
    route: '#/approvals',
    viewport: { width: 1_040, height: 900 },
    act: (page) => page.getByRole('button', { name: 'Look back' }).click(),
  },
  { name: 'agents', state: sharingState, route: '#/agents' },
  {
    name: 'agents-paused',
    state: () => {
      const state = sharingState();
      const why = 'It sent the planted value “in the payroll sheet”.';
      return {
        ...state,
        agents: state.agents.map((agent, at) => (at === 0 ? { ...agent, paused: { at: ago(90), why } } : agent)),
      };
    },
    route: '#/agents',
    before(core) {
      core.canaries = [
        { id: 'c1', note: 'in the payroll sheet', at: ago(3 * 86_400), begins: 'acct-7' },
        { id: 'c2', note: 'a row of the table customers', at: ago(7_200), begins: 'acct-m' },
      ];
    },
    act: (page) => page.getByText('Planted values').click(),
  },
  {
    name: 'agents-narrow',
    state: sharingState,
    route: '#/agents',
    async act(page) {
      await page.getByRole('button', { name: 'Narrow Claude (claude.ai) on files' }).click();
      await page.getByRole('checkbox').first().waitFor();
    },
  },
  { name: 'agents-empty', state: emptyState, route: '#/agents' },
  {
    name: 'token',
    state: sharingState,
    route: '#/servers/files',
    async act(page) {
      await page.getByRole('button', { name: 'Make a token' }).click();
      await page.getByRole('button', { name: 'Make it' }).click();
      await page.getByText('Copy it now').waitFor();
    },
  },
  { name: 'tunnel', state: sharingState, route: '#/tunnel' },
  { name: 'tunnel-outside', state: outside, route: '#/tunnel', viewport: { width: 1_040, height: 1_080 } },
  { name: 'tunnel-trouble', state: troubled, route: '#/tunnel' },
  { name: 'doctor', state: sharingState, route: '#/doctor' },
  { name: 'narrow-doctor', state: sharingState, route: '#/doctor', viewport: { width: 360, height: 640 } },
  { name: 'rules', state: sharingState, route: '#/rules' },
  {
    name: 'rules-wrong',
    state: sharingState,
    route: '#/rules',
    async act(page) {
      await page.getByLabel('Rules file').fill('version: 1\nrules:\n  - id: one\n    thn: allow\n');
      await page.getByRole('button', { name: 'Put in force' }).click();
      await page.getByText('rules.yaml:4:5').waitFor();
    },
  },
  { name: 'settings', state: sharingState, route: '#/settings', viewport: { width: 1_040, height: 1_200 } },
  {
    name: 'review',
    state: sharingState,
    route: '#/review',
    before(core) {
      core.handlers['policy.propose'] = () => ({ proposals });
    },
    act: (page) => page.getByRole('checkbox').first().check(),
  },
  { name: 'review-empty', state: sharingState, route: '#/review' },
  { name: 'paused', state: paused, route: '#/servers' },
  { name: 'no-key', state: sharingState, noKey: true },
  {
    name: 'offline',
    restless: true,
    state: sharingState,
    route: '#/servers',
    act: async (page, core) => {
      await page.getByRole('heading', { name: 'Servers' }).waitFor();
      await core.down();
      await page.getByText('does not answer').waitFor();
    },
  },
  { name: 'narrow-servers', state: outside, route: '#/servers', viewport: { width: 360, height: 640 } },
  { name: 'narrow-server', state: sharingState, route: '#/servers/files', viewport: { width: 360, height: 640 } },
  { name: 'narrow-requests', state: sharingState, route: '#/requests', viewport: { width: 360, height: 640 } },
  { name: 'narrow-prompt', state: asking, route: '#/approvals', viewport: { width: 360, height: 640 } },
  { name: 'narrow-tunnel', state: outside, route: '#/tunnel', viewport: { width: 360, height: 640 } },
  { name: 'claude-checklist', state: claudeState, route: '#/tunnel' },
  {
    name: 'network-dialog',
    state: sharingState,
    route: '#/tunnel',
    before: (core) => {
      core.network = {
        direct: false,
        proxy: { address: 'http://proxy.office.example:3128', from: 'settings', credentials: true },
        caFile: { path: '/etc/ssl/office.pem', from: 'environment' },
      };
    },
    act: async (page) => {
      await page.getByRole('region', { name: 'The way out' }).getByRole('button').click();
      await page.getByRole('dialog').waitFor();
    },
  },
  {
    name: 'claude-dialog',
    state: sharingState,
    route: '#/tunnel',
    act: async (page) => {
      await page.getByRole('button', { name: 'Connect to Claude…' }).click();
      await page.getByRole('dialog').waitFor();
    },
  },
];
