import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import { createApprovals } from '../../../electron/core/approvals/create-approvals.ts';
import { createRememberedFile } from '../../../electron/core/approvals/remembered-store.ts';
import { callDigest } from '../../../electron/core/gateway/call-digest.ts';
import { createGateway } from '../../../electron/core/gateway/gateway.ts';
import { createResourceServer } from '../../../electron/core/oauth/create-resource-server.ts';
import { createPolicy } from '../../../electron/core/policy/create-policy.ts';
import { createPinFiles } from '../../../electron/core/policy/pin-store.ts';
import { readRules } from '../../../electron/core/policy/rules-document.ts';
import { createRequestLog } from '../../../electron/core/request-log/create-request-log.ts';
import type { ServerRecord } from '../../../electron/core/servers/servers.ts';
import type { UpstreamAnswer, UpstreamSession } from '../../../electron/core/servers/upstream-session.ts';
import { fromPlain, JsonObject, parseJson, serializeJson } from '../../../electron/shared/json-tree.ts';
import { createManualClock } from '../../manual-clock.ts';
import { createSeeded } from '../../seeded.ts';
import { logDeps } from '../../unit/request-log/calls.ts';

// The real gateway, policy, approvals, log and token stations in one process, a server that is played, a clock that is moved,
// and thousands of random steps of agents, a person, a server that changes its mind, and a disk that fails. What must never
// happen is checked at each forward and after each step.

const steps = 2_500;
const tools = ['read_note', 'list_notes', 'write_note', 'send_mail', 'delete_note', 'run_command'] as const;
const narrow = ['read_note', 'write_note'] as const;
const resource = 'https://localhost/notes/mcp';
const record: ServerRecord = {
  slug: 'notes',
  name: 'Notes',
  shared: true,
  target: { kind: 'http', url: 'http://127.0.0.1:1/mcp' },
};

function definitionOf(name: string, version: number): JsonObject {
  const properties = { path: { type: 'string' }, text: { type: 'string' } };
  return fromPlain({
    name,
    description: `${name.replace('_', ' ')}, version ${version}.`,
    inputSchema: { type: 'object', properties },
  }) as JsonObject;
}

/** One run of the world. @returns what happened, so that a run in which nothing happens does not count */
async function live(seed: number): Promise<Record<string, number>> {
  const { pick, chance, below } = createSeeded(seed);
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-invariants-'));
  const path = join(folder, 'log.db');
  const clock = createManualClock();
  const log = createRequestLog({ path, clock, ...logDeps() });
  const resourceServer = createResourceServer({ path: join(folder, 'oauth.db'), clock });
  const store = createPinFiles({ dataFolder: folder, clock });
  const policy = createPolicy({ store, dataFolder: folder, home: '/home/somebody' });
  const answers = createRememberedFile({ dataFolder: folder, clock });
  const approvals = createApprovals({ clock, newId: randomUUID, store: answers });
  const reader = new DatabaseSync(path);
  const count: Record<string, number> = {};
  const happened = (what: string): void => {
    count[what] = (count[what] ?? 0) + 1;
  };
  const broken: string[] = [];
  const versions = new Map<string, number>();
  const problems: string[] = [];
  let paused: { readonly at: string } | undefined;
  let diskFails = false;
  let denied: string | undefined;
  const authorityOf = new Map<string, readonly string[] | undefined>();

  // The server: it holds what it was sent until the world lets go.
  interface Held {
    readonly signal: AbortSignal | undefined;
    finish(): void;
  }
  const held = new Set<Held>();
  const forwardedOf = new Map<string, number>();

  /** What must be true of each call at the moment at which it goes to the server. */
  const checkForward = (params: JsonObject, agent: string): void => {
    const name = String(params.get('name'));
    const args = params.get('arguments');
    const bad = (what: string): void =>
      void broken.push(`${what}: ${name} ${args === undefined ? '' : serializeJson(args)}`);
    const view = policy.tools('notes').find((tool) => tool.name === name);
    if (paused) bad('forwarded while paused');
    if (!view || view.access === 'off') bad('an off tool was reached');
    if (view?.state !== 'approved') bad(`a ${view?.state} tool was reached`);
    if (denied === name) bad('a deny rule was outranked');
    const authority = authorityOf.get(agent);
    if (authority && !authority.includes(name)) bad('a narrower token widened');
    if (args !== undefined && serializeJson(args).includes(folder)) bad('the data folder was reached');
    const pin = policy.pinOf('notes', name);
    const digest = callDigest({ method: 'tools/call', name, arguments: args, pin, agent, server: 'notes' });
    const forwards = (forwardedOf.get(digest) ?? 0) + 1;
    forwardedOf.set(digest, forwards);
    const table = diskFails ? 'away' : 'ev';
    const found = reader
      .prepare(
        `SELECT count(*) AS n FROM ${table} d WHERE kind = 'decided' AND json_extract(body, '$.digest') = ? AND (decision = 'allow'
           OR EXISTS (SELECT 1 FROM ${table} a WHERE a.head = d.seq AND a.kind = 'answered' AND a.decision = 'allowed'))`,
      )
      .get(digest);
    // Decided and approved on disk, for exactly what runs, and once for each time that it runs.
    if (Number(found?.n) < forwards) bad(`ran ${forwards} times, allowed ${Number(found?.n)} times`);
    happened('forwarded');
  };
  const session = (agent: string): UpstreamSession => ({
    info: {
      era: 'legacy',
      protocolVersion: '2025-11-25',
      capabilities: fromPlain({ tools: {} }) as JsonObject,
      serverInfo: fromPlain({ name: 'played', version: '1' }) as JsonObject,
    },
    request: (method, params, options) => {
      options?.onSent?.();
      if (method === 'tools/list') {
        const list = tools.map((name) => definitionOf(name, versions.get(name) ?? 1));
        return Promise.resolve({ result: new JsonObject([['tools', list]]) });
      }
      if (method !== 'tools/call' || !params) return Promise.resolve({ result: fromPlain({}) });
      checkForward(params, agent);
      const { promise, resolve } = Promise.withResolvers<UpstreamAnswer>();
      const result = fromPlain({ content: [{ type: 'text', text: `done ${below(1_000)}` }] });
      const one: Held = {
        signal: options?.signal,
        finish: () => {
          held.delete(one);
          resolve({ result });
        },
      };
      if (chance(0.6)) return Promise.resolve({ result });
      held.add(one);
      options?.signal?.addEventListener('abort', () => one.finish());
      return promise;
    },
    notify() {},
    onNotification: () => () => {},
    onServerRequest: () => () => {},
    onClose: () => () => {},
    close: async () => {},
  });
  const sessions = new Map<string, UpstreamSession>();
  const gateway = createGateway({
    clock,
    routes: { serves: () => true, byAddress: () => ({ record, resource }) },
    servers: {
      async connect(_record, key) {
        // Modern agents have one conversation each, whose key names them.
        const agent = [...authorityOf.keys()].find((id) => key.includes(id)) ?? 'unknown';
        const known = sessions.get(key) ?? session(agent);
        sessions.set(key, known);
        return known;
      },
      end: async () => {},
    },
    resourceServer,
    policy,
    approvals,
    log,
    paused: () => paused,
    probeKey: () => 'key',
    onProblem: (problem) => problems.push(problem),
  });
  policy.approveAll(
    'notes',
    tools.map((name) => definitionOf(name, 1)),
  );
  const mint = (name: string, only?: readonly string[]): string => {
    const minted = resourceServer.mint({
      server: 'notes',
      resource,
      name,
      ttlMs: 365 * 86_400_000,
      ...(only ? { tools: only } : {}),
    });
    const agent = resourceServer.authenticate(`Bearer ${minted.token}`, resource);
    if (!('agent' in agent)) throw new Error('the token does not work');
    authorityOf.set(agent.agent.id, only);
    return minted.token;
  };
  const tokens = [mint('All'), mint('Narrow', narrow), mint('Other')];

  const waiting = new Set<AbortController>();
  let answered = 0;
  let called = 0;
  const call = (): void => {
    called += 1;
    const gone = new AbortController();
    waiting.add(gone);
    const name = chance(0.03) ? pick(['Read_Note', 'read_note ', 'nothing', 'rеad_note']) : pick(tools);
    const args = {
      path: pick(['a.md', 'b.md', `${folder}/settings.json`, `${folder}/../${folder.split('/').at(-1)}/log.db`]),
      text: chance(0.6) ? `note ${called}` : pick(['x', 'y']),
    };
    const body = parseJson(
      JSON.stringify({
        jsonrpc: '2.0',
        id: 1,
        method: 'tools/call',
        params: {
          name,
          arguments: chance(0.7) ? { ...args, path: pick(['a.md', 'b.md']) } : args,
          _meta: {
            'io.modelcontextprotocol/protocolVersion': '2026-07-28',
            'io.modelcontextprotocol/clientCapabilities': {},
            'io.modelcontextprotocol/clientInfo': { name: 'raw', version: '1' },
          },
        },
      }),
    );
    happened('called');
    gateway.receive({
      route: { record, resource },
      action: { kind: 'post', body, bytesIn: 100 },
      headers: new Map([
        ['authorization', [`Bearer ${chance(0.02) ? 'sp_wrong' : pick(tokens)}`]],
        ['mcp-protocol-version', ['2026-07-28']],
        ['mcp-method', ['tools/call']],
        ['mcp-name', [name]],
      ]),
      gone: gone.signal,
      notify() {},
      answer: async () => {
        waiting.delete(gone);
        answered += 1;
        return true;
      },
    });
  };
  const person = (): void => {
    const prompt = approvals.list()[0] && pick(approvals.list());
    if (!prompt) return;
    const { scopes, durations } = prompt.remember;
    const remember = chance(0.3) && scopes.length > 0 && durations.length > 0;
    const how = remember
      ? { scope: pick(scopes), for: pick(durations) }
      : { scope: 'call' as const, for: 'once' as const };
    try {
      approvals.answer(
        { id: prompt.id, digest: prompt.digest, answer: chance(0.7) ? 'allow' : 'deny', ...how },
        'test',
      );
      happened('answered');
    } catch {
      happened('refused answers'); // Not every scope goes with every duration.
    }
  };
  const setAccess = (): void => {
    const view = pick(policy.tools('notes'));
    policy.setAccess('notes', view.name, pick(['allow', 'ask', 'ask', 'off']), view.pin);
    happened('access set');
  };
  const setRules = (): void => {
    denied = chance(0.5) ? pick(tools) : undefined;
    const rule = (id: string, tool: string, then: string): string =>
      `  - { id: ${id}, when: { tool: "${tool}" }, then: ${then} }\n`;
    const rules = `${denied ? rule('no', denied, 'deny') : ''}${chance(0.5) ? rule('yes', pick(tools), 'allow') : ''}${chance(0.3) ? rule('ask', pick(tools), 'ask') : ''}`;
    policy.setRules(readRules(`version: 1\n${rules === '' ? '' : `rules:\n${rules}`}`, 'rules'));
    happened('rules set');
  };
  const changeTool = (): void => {
    const name = pick(tools);
    versions.set(name, (versions.get(name) ?? 1) + 1);
    policy.observe(
      'notes',
      tools.map((one) => definitionOf(one, versions.get(one) ?? 1)),
    );
    happened('tools changed');
  };
  const pauseOrResume = async (): Promise<void> => {
    if (paused) {
      paused = undefined;
      return;
    }
    paused = { at: 'now' };
    approvals.withdraw({}, 'paused');
    gateway.endSessions({}, 'paused');
    await turns();
    if (approvals.list().length > 0) broken.push('a prompt outlived the pause');
    if ([...held].some(({ signal }) => !signal?.aborted)) broken.push('a call went on at its server over the pause');
    happened('paused');
  };
  const breakOrMendDisk = (): void => {
    reader.exec(diskFails ? 'ALTER TABLE away RENAME TO ev' : 'ALTER TABLE ev RENAME TO away');
    diskFails = !diskFails;
    happened('disk failed or was mended');
  };
  const turns = async (): Promise<void> => {
    for (let at = 0; at < 6; at += 1) await new Promise((resolve) => setImmediate(resolve));
  };
  /** What a person decided; remembered answers apart, since those may end by themselves meanwhile. */
  const authority = (): { readonly fixed: string; readonly remembered: readonly string[] } => ({
    fixed: JSON.stringify([
      policy.tools('notes'),
      policy.rules().rules.map(({ id, effect }) => [id, effect]),
      resourceServer
        .agents()
        .map(({ id, grants }) => [id, grants.map((grant) => [grant.id, grant.scope, grant.expiresAt])]),
      paused,
    ]),
    remembered: approvals
      .remembered()
      .map(({ id, effect, scope, duration }) => JSON.stringify([id, effect, scope, duration])),
  });

  try {
    for (let step = 0; step < steps && broken.length === 0; step += 1) {
      // What stops everything does not last, or nothing would be learnt.
      if (diskFails && chance(0.2)) breakOrMendDisk();
      if (paused && chance(0.2)) await pauseOrResume();
      const dice = below(100);
      if (dice < 50) {
        const before = authority();
        call();
        await turns();
        // Whatever a call does, what agents may do is as before.
        const after = authority();
        const added = after.remembered.some((answer) => !before.remembered.includes(answer));
        if (after.fixed !== before.fixed || added) broken.push('a call changed what agents may do');
      } else if (dice < 68) person();
      else if (dice < 78) for (const one of [...held].slice(0, 2)) one.finish();
      else if (dice < 83) clock.advance(pick([1_000, 20_000, 60_000, 400_000]));
      else if (dice < 88) setAccess();
      else if (dice < 90) setRules();
      else if (dice < 91) changeTool();
      else if (dice < 94) await pauseOrResume();
      else if (dice < 95) breakOrMendDisk();
      else if (waiting.size > 0) {
        const gone = pick([...waiting]);
        gone.abort();
        waiting.delete(gone);
        happened('hung up');
      }
      await turns();
    }
    expect(broken, `seed ${seed}`).toEqual([]);
    if (diskFails) breakOrMendDisk();
    for (const gone of waiting) gone.abort();
    gateway.close();
    approvals.close();
    for (const one of [...held]) one.finish();
    await turns();
    expect(await log.verify()).toMatchObject({ ok: true });
    log.close();
    // Every decision has exactly one end, and nothing ended that was not decided.
    const ends = reader
      .prepare(
        `SELECT n, count(*) AS calls FROM (SELECT (SELECT count(*) FROM ev c WHERE c.head = d.seq AND c.kind = 'completed') AS n
           FROM ev d WHERE kind = 'decided') GROUP BY n`,
      )
      .all();
    expect(ends.map(({ n }) => n)).toEqual([1]);
    count.got = answered;
    return count;
  } finally {
    reader.close();
    log.close();
    await log.settled();
    resourceServer.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

test.each([1, 2])(
  'random lives of a gateway: nothing runs that was not decided, approved and stored (seed %i)',
  { timeout: 120_000 },
  async (seed) => {
    const count = await live(seed);
    // A world in which nothing happens proves nothing.
    for (const what of [
      'forwarded',
      'answered',
      'access set',
      'rules set',
      'tools changed',
      'paused',
      'disk failed or was mended',
      'hung up',
    ]) {
      expect(count[what], what).toBeGreaterThan(10);
    }
    expect(count.forwarded).toBeGreaterThan(50);
  },
);
