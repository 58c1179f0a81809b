import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join as joinPath } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { joinEdge } from '../../../electron/core/tunnel/connectors/enrol.ts';
import { createMemoryEdgeStore, type EdgeStore, openEdgeStore } from '../../../electron/core/tunnel/edge/edge-store.ts';
import { createEnrolment } from '../../../electron/core/tunnel/edge/enrolment.ts';
import { formatJoinLine, parseJoinLine } from '../../../electron/core/tunnel/edge/join-line.ts';
import { createAuthority } from '../../../electron/core/tunnel/pki/authority.ts';
import { createCsr } from '../../../electron/core/tunnel/pki/certificate-request.ts';
import { startEdge, type TestEdge } from '../../fixtures/edge-harness.ts';
import { createManualClock } from '../../manual-clock.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(joinPath(tmpdir(), 'sallyport-edge-'));
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const stores: Record<string, () => Promise<EdgeStore>> = {
  memory: async () => createMemoryEdgeStore(),
  folder: () => openEdgeStore(joinPath(folder, 'state')),
};

for (const [name, open] of Object.entries(stores)) {
  test(`a token works once, for 15 minutes, for one domain (${name} store)`, async () => {
    const clock = createManualClock();
    const { authority } = await createAuthority({ commonName: 'Edge', now: clock.now() });
    const store = await open();
    const enrolment = createEnrolment({
      store,
      authorities: () => ({ active: authority }),
      clock,
      edgeName: 'edge.test',
    });
    const { csrPem } = await createCsr();

    const { token, domain } = await enrolment.invite({ name: 'mail' });
    expect(domain).toBe('mail.edge.test');
    const raced = await Promise.allSettled([1, 2, 3].map(() => enrolment.enrol(token, csrPem)));
    expect(raced.filter((outcome) => outcome.status === 'fulfilled')).toHaveLength(1);
    await expect(enrolment.enrol(token, csrPem)).rejects.toMatchObject({ code: 'invite_invalid' });
    expect(await store.clients()).toMatchObject([{ kind: 'connector', name: 'mail.edge.test' }]);

    const late = await enrolment.invite();
    expect(late.domain).toMatch(/^[a-z0-9]{8}\.edge\.test$/);
    clock.advance(15 * 60_000);
    await expect(enrolment.enrol(late.token, csrPem)).rejects.toMatchObject({ code: 'invite_invalid' });

    const spent = await enrolment.invite();
    await expect(enrolment.enrol(spent.token, 'rubbish')).rejects.toMatchObject({ code: 'csr_invalid' });
    await expect(enrolment.enrol(spent.token, csrPem)).rejects.toMatchObject({ code: 'invite_invalid' });
    for (const bad of ['agents', 'edge.test', 'a b', '-', 'x..y']) {
      await expect(enrolment.invite({ name: bad }), bad).rejects.toMatchObject({ code: 'bad_tunnel_name' });
    }
  });
}

test('the folder survives being opened again, holds no token, and is the owner’s alone', async () => {
  const clock = createManualClock();
  const { authority } = await createAuthority({ commonName: 'Edge', now: clock.now() });
  const first = createEnrolment({
    store: (await stores.folder?.()) as EdgeStore,
    authorities: () => ({ active: authority }),
    clock,
    edgeName: 'e.test',
  });
  const { token } = await first.invite();
  const second = createEnrolment({
    store: (await stores.folder?.()) as EdgeStore,
    authorities: () => ({ active: authority }),
    clock,
    edgeName: 'e.test',
  });
  const files = await readdir(joinPath(folder, 'state', 'invites'));
  expect(files).toHaveLength(1);
  const path = joinPath(folder, 'state', 'invites', files[0] ?? '');
  expect(await readFile(path, 'utf8')).not.toContain(token);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect((await stat(joinPath(folder, 'state'))).mode & 0o777).toBe(0o700);
  const { csrPem } = await createCsr();
  await second.enrol(token, csrPem);
  await expect(first.enrol(token, csrPem)).rejects.toMatchObject({ code: 'invite_invalid' });
  expect(await readdir(joinPath(folder, 'state', 'invites'))).toEqual([]);
});

test('an agent’s name is given once until it is revoked', async () => {
  const clock = createManualClock();
  const { authority } = await createAuthority({ commonName: 'Edge', now: clock.now() });
  const store = createMemoryEdgeStore();
  const enrolment = createEnrolment({ store, authorities: () => ({ active: authority }), clock, edgeName: 'e.test' });
  const { csrPem } = await createCsr();
  const { serialNumber } = await enrolment.addAgent('claude', csrPem);
  await expect(enrolment.addAgent('claude', csrPem)).rejects.toMatchObject({ code: 'agent_exists' });
  await store.revoke(serialNumber, new Date(clock.now()).toISOString());
  await enrolment.addAgent('claude', csrPem);
  await expect(enrolment.addAgent('../x', csrPem)).rejects.toMatchObject({ code: 'bad_agent_name' });
});

test('a damaged record is an error, never an open door', async () => {
  const store = await openEdgeStore(folder);
  const { writeFile } = await import('node:fs/promises');
  await writeFile(joinPath(folder, 'clients', 'abcd.json'), '{"serial":"abcd","kind":"connector"}');
  await expect(store.client('abcd')).rejects.toMatchObject({ code: 'edge_state_corrupt' });
  expect(await store.client('../clients/abcd')).toBeUndefined();
});

let edge: TestEdge | undefined;
afterEach(async () => {
  await edge?.edge.close(0);
  edge = undefined;
});

test('joining over the wire gives domain and certificate, once', async () => {
  edge = await startEdge();
  const line = await edge.joinLine('box.edge.test');
  const joined = await joinEdge(line);
  expect(joined).toMatchObject({ domain: 'box.edge.test', host: '127.0.0.1', port: edge.port });
  await expect(joinEdge(line)).rejects.toMatchObject({ code: 'invite_invalid', hop: 'edge' });
});

test('joining refuses an edge that does not show the key of the join line, and sends it no token', async () => {
  edge = await startEdge();
  const line = parseJoinLine(await edge.joinLine('box.edge.test'));
  const wrong = formatJoinLine({ ...line, caPin: 'A'.repeat(43) });
  await expect(joinEdge(wrong)).rejects.toMatchObject({ code: 'edge_untrusted' });
  expect(edge.events.filter(({ event }) => event.startsWith('enrol'))).toEqual([]);
  await joinEdge(formatJoinLine(line));
});

test('enrolments from one source are limited', async () => {
  edge = await startEdge();
  const line = parseJoinLine(await edge.joinLine('box.edge.test'));
  const outcomes: string[] = [];
  for (let at = 0; at < 11; at += 1) {
    const guess = formatJoinLine({ ...line, token: String.fromCharCode(97 + at).repeat(43) });
    outcomes.push(
      await joinEdge(guess).then(
        () => 'joined',
        (error: { code: string }) => error.code,
      ),
    );
  }
  expect(outcomes).toEqual([...Array<string>(10).fill('invite_invalid'), 'too_many_requests']);
}, 20_000);
