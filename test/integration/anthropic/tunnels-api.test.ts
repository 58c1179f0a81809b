import { X509Certificate } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createKeyfileSealer } from '../../../electron/core/secrets/keyfile-sealer.ts';
import type { Secrets } from '../../../electron/core/secrets/secrets.ts';
import { createSecrets } from '../../../electron/core/secrets/secrets-file.ts';
import { createConfSettingsFile } from '../../../electron/core/settings/conf-settings-file.ts';
import type { Settings } from '../../../electron/core/settings/settings.ts';
import { createSettings } from '../../../electron/core/settings/settings-station.ts';
import { systemClock } from '../../../electron/core/state/system-clock.ts';
import {
  createTunnelsAccount,
  type TunnelsAccount,
} from '../../../electron/core/tunnel/connectors/anthropic/tunnels-api/tunnels-account.ts';
import { readNetwork } from '../../../electron/core/tunnel/connectors/network.ts';
import { createAuthority } from '../../../electron/core/tunnel/pki/authority.ts';
import {
  identityToken,
  startTunnelsApi,
  type TunnelsApiServer,
} from '../../fixtures/anthropic-tunnels-api/tunnels-api-server.ts';

let folder: string;
let server: TunnelsApiServer;
let settings: Settings;
let secrets: Secrets;
let notes: string[];
let waits: number[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sallyport-tunnels-api-'));
  server = await startTunnelsApi();
  notes = [];
  waits = [];
  settings = createSettings({
    path: join(folder, 'settings.json'),
    openFile: () => createConfSettingsFile(folder),
    clock: systemClock,
  });
  secrets = await createSecrets({
    path: join(folder, 'secrets', 'secrets.json'),
    sealer: createKeyfileSealer({ path: join(folder, 'secrets', 'keyfile') }),
  });
});
afterEach(async () => {
  await server.close();
  await rm(folder, { recursive: true, force: true });
});

/** The account as a fresh process would have it: nothing in memory. */
function account(): TunnelsAccount {
  return createTunnelsAccount({
    // Waits that the API asks for are noted and not sat out.
    clock: {
      ...systemClock,
      schedule(milliseconds, run) {
        if (milliseconds >= 20_000) return systemClock.schedule(milliseconds, run);
        waits.push(milliseconds);
        return systemClock.schedule(0, run);
      },
    },
    settings,
    secrets,
    folder: join(folder, 'pki'),
    version: '0',
    network: async () => readNetwork({}),
    onNote: (message) => notes.push(message),
  });
}
const choice = (): { url: string; token: string } => ({ url: server.url, token: server.issue() });
const ownFingerprint = async (domain: string): Promise<string> =>
  new X509Certificate(await readFile(join(folder, 'pki', `${domain}.ca.pem`))).fingerprint256
    .replaceAll(':', '')
    .toLowerCase();
const posts = (path: RegExp): number =>
  server.requests.filter((one) => one.method === 'POST' && path.test(one.path)).length;

describe('Anthropic’s tunnel, set up by its API', () => {
  test('is made, gets this machine’s authority, and gives its token', async () => {
    const { domain, token } = await account().setUp({ ...choice(), name: 'Desk' });
    const [tunnel] = server.tunnels;
    expect(tunnel?.display_name).toMatch(/^Desk [0-9a-f]{8}$/);
    expect(domain).toBe(tunnel?.domain);
    expect(token).toBe(server.tokenOf(tunnel?.id ?? ''));
    expect(await secrets.get(`anthropic:${domain}:token`)).toBe(token);
    expect(server.certificates.map(({ fingerprint }) => fingerprint)).toEqual([await ownFingerprint(domain)]);
    expect(settings.get().tunnel.anthropicApi).toMatchObject({ tunnelId: tunnel?.id, generation: 'workspace' });
    for (const { path, betas } of server.requests) {
      expect(path).toContain('beta=true');
      expect(betas).toEqual(['mcp-tunnels-2026-06-22', 'oauth-2025-04-20']);
    }
  });

  test('is found again: a second run makes, registers and rotates nothing', async () => {
    const first = await account().setUp(choice());
    const before = server.requests.length;
    expect(await account().setUp({})).toEqual(first);
    expect(server.tunnels).toHaveLength(1);
    expect(server.certificates).toHaveLength(1);
    expect(server.requests.slice(before).map(({ method, path }) => `${method} ${path.replace(/\?.*/, '')}`)).toEqual([
      `GET /v1/tunnels/${server.tunnels[0]?.id}`,
      `GET /v1/tunnels/${server.tunnels[0]?.id}/certificates`,
      `POST /v1/tunnels/${server.tunnels[0]?.id}/reveal_token`,
    ]);
  });

  test('is not made twice when the answer to its making is lost', async () => {
    server.fail('POST', /tunnels$/, 'lost');
    await account().setUp(choice());
    expect(server.tunnels).toHaveLength(1);
  });

  test('is not made twice when the app ended before it knew of it', async () => {
    const given = choice();
    server.fail('POST', /tunnels$/, 'lost');
    server.fail('GET', /tunnels$/, 'reset');
    await expect(account().setUp(given)).rejects.toMatchObject({ code: 'tunnel_api_unreachable' });
    expect(server.tunnels).toHaveLength(1);
    // Older ones before it: it is on the second page.
    for (let index = 0; index < 3; index += 1)
      server.tunnels.unshift({
        ...structuredClone(server.tunnels[0]),
        id: `tnl_x${index}`,
        display_name: 'other',
      } as (typeof server.tunnels)[0]);
    const { domain } = await account().setUp({});
    expect(server.tunnels).toHaveLength(4);
    expect(domain).toBe(server.tunnels[3]?.domain);
  });

  test.each(['certificates', 'reveal_token'])('goes on where it stopped: at %s', async (where) => {
    server.fail('POST', new RegExp(`${where}$`), { status: 500 });
    await expect(account().setUp(choice())).rejects.toMatchObject({ code: 'tunnel_api_failed' });
    await account().setUp({});
    expect([server.tunnels.length, server.certificates.length]).toEqual([1, 1]);
  });

  test('attaches a tunnel that is there, in the older API’s words where that is asked for', async () => {
    await account().setUp(choice());
    const id = server.tunnels[0]?.id ?? '';
    const from = server.requests.length;
    await account().setUp({ token: server.issue(['org:manage_tunnels']), generation: 'organization', tunnel: id });
    expect(server.tunnels).toHaveLength(1);
    for (const { path, betas } of server.requests.slice(from)) {
      expect(path).toMatch(/^\/v1\/organizations\/tunnels\//);
      expect(path).not.toContain('beta=');
      expect(betas).toEqual(['mcp-tunnels-2026-05-19', 'oauth-2025-04-20']);
    }
  });

  test('sends no private key, and shows its credential to nobody', async () => {
    const given = choice();
    const { token } = await account().setUp(given);
    await account().change({ do: 'rotate-token' });
    for (const sent of server.raw) {
      expect(sent).not.toContain('PRIVATE KEY');
      for (const name of secrets.names('pki:')) {
        const key = (await secrets.get(name)) ?? 'x';
        expect(sent).not.toContain(key.split('\n')[1] ?? key);
      }
    }
    const files = await readdir(folder, { recursive: true, withFileTypes: true });
    for (const file of files.filter((one) => one.isFile())) {
      const text = await readFile(join(file.parentPath, file.name), 'utf8');
      expect(text.includes(given.token) || text.includes(token)).toBe(false);
    }
    expect(notes.join('\n')).not.toContain(given.token);
  });

  test('does not push a third authority in: it names the two that are there', async () => {
    await account().setUp(choice());
    const [tunnel] = server.tunnels;
    const domain = tunnel?.domain ?? '';
    await rm(join(folder, 'pki'), { recursive: true });
    for (const name of secrets.names('pki:')) await secrets.delete(name);
    await account().setUp({});
    expect(server.certificates).toHaveLength(2);
    await rm(join(folder, 'pki'), { recursive: true });
    for (const name of secrets.names('pki:')) await secrets.delete(name);
    const failure = await account()
      .setUp({})
      .catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'tunnel_certificates_full' });
    for (const { id } of server.certificates) expect(String(failure)).toContain(id);
    expect(posts(/certificates/)).toBe(2);
    await account().change({ do: 'archive-certificate', id: server.certificates[0]?.id ?? '' });
    await account().setUp({});
    const active = server.certificates.filter((one) => one.archived_at === null);
    expect(active.map(({ fingerprint }) => fingerprint)).toContain(await ownFingerprint(domain));
    const { certificates } = await account().list();
    expect(certificates.filter(({ ours }) => ours)).toHaveLength(1);
  });

  test('waits as long as the API asks, and gives up after a minute', async () => {
    server.fail('POST', /tunnels$/, { status: 429, retryAfter: '3' }, { status: 429, retryAfter: '2' });
    await account().setUp(choice());
    expect(waits.filter((wait) => wait >= 1_000)).toEqual([3_000, 2_000]);
    expect(server.tunnels).toHaveLength(1);
    server.fail('GET', /certificates$/, { status: 529 });
    await account().setUp({});
    server.fail('GET', /tunnels\/[^/]+$/, ...Array.from({ length: 200 }, () => ({ status: 429, retryAfter: '40' })));
    let elapsed = 0;
    const moving = createTunnelsAccount({
      clock: {
        ...systemClock,
        monotonic: () => elapsed,
        schedule(ms, run) {
          if (ms === 20_000) return systemClock.schedule(ms, run);
          elapsed += ms;
          return systemClock.schedule(0, run);
        },
      },
      settings,
      secrets,
      folder: join(folder, 'pki'),
      version: '0',
      network: async () => readNetwork({}),
      onNote: () => {},
    });
    await expect(moving.setUp({})).rejects.toMatchObject({ code: 'tunnel_api_limited' });
    expect(elapsed).toBe(40_000);
  });

  test.each([
    [['user:profile'], 'tunnel_api_forbidden', 'workspace:manage_tunnels'],
    [undefined, 'tunnel_api_unauthorized', 'does not take the credential'],
  ])('says what a credential lacks: %j', async (scopes, code, words) => {
    const token = scopes ? server.issue(scopes) : 'sk-ant-oat01-never-issued';
    const failure = await account()
      .setUp({ url: server.url, token })
      .catch((error: unknown) => error);
    expect(failure).toMatchObject({ code });
    expect(String(failure)).toContain(words);
    expect(String(failure)).not.toContain(token);
    expect(server.tunnels).toHaveLength(0);
  });

  test('refuses what cannot be right before anything is sent', async () => {
    await expect(account().setUp({ url: server.url, token: 'sk-ant-admin01-x' })).rejects.toMatchObject({
      code: 'admin_key_refused',
    });
    await expect(account().setUp({ url: 'http://api.example', token: 'x'.repeat(20) })).rejects.toMatchObject({
      code: 'bad_api_url',
    });
    await expect(account().setUp({ url: server.url })).rejects.toMatchObject({ code: 'api_token_missing' });
    await expect(account().list()).rejects.toMatchObject({ code: 'api_token_missing' });
    expect(server.requests).toHaveLength(0);
  });

  test('does not take nonsense for an answer, and registers nothing that is not ours', async () => {
    server.fail('GET', /certificates$/, 'nonsense');
    await expect(account().setUp(choice())).rejects.toMatchObject({ code: 'tunnel_api_answer' });
  });

  test('archives a tunnel that is not in use, and knows that it is gone', async () => {
    const { domain } = await account().setUp(choice());
    const id = server.tunnels[0]?.id ?? '';
    settings.update((now) => ({
      ...now,
      tunnel: { ...now.tunnel, way: 'anthropic', domain, anthropic: { domain, mode: 'native' } },
    }));
    await expect(account().change({ do: 'archive', id })).rejects.toMatchObject({ code: 'tunnel_in_use' });
    settings.update((now) => ({ ...now, tunnel: { ...now.tunnel, way: 'embedded' } }));
    await account().change({ do: 'archive', id });
    expect(server.tunnels[0]?.archived_at).not.toBeNull();
    expect(await secrets.get(`anthropic:${domain}:token`)).toBeUndefined();
    expect((await account().list()).tunnels).toMatchObject([{ id, archivedAt: expect.any(String), chosen: false }]);
    await expect(account().setUp({ tunnel: id })).rejects.toMatchObject({ code: 'tunnel_archived' });
    await account().setUp({ tunnel: 'new' });
    expect(server.tunnels).toHaveLength(2);
  });

  test('rotates the token, also when the answer is lost', async () => {
    const { token } = await account().setUp(choice());
    const id = server.tunnels[0]?.id ?? '';
    const second = await account().change({ do: 'rotate-token', reason: 'a laptop was lost' });
    expect(second?.token).toBe(server.tokenOf(id));
    expect(second?.token).not.toBe(token);
    expect(server.requests.at(-1)?.body).toEqual({ reason: 'a laptop was lost' });
    server.fail('POST', /rotate_token$/, 'lost');
    const third = await account().change({ do: 'rotate-token' });
    expect(third?.token).toBe(server.tokenOf(id));
    expect(third?.token).not.toBe(second?.token);
  });
});

describe('workload identity federation', () => {
  const federated = (more: object = {}) => ({
    url: server.url,
    federation: { rule: server.rule.id, organization: server.rule.organization, ...more },
  });

  test('exchanges the workload’s token, once for many calls, and anew when the API takes it no more', async () => {
    const file = join(folder, 'id-token');
    await writeFile(file, `${identityToken({ aud: server.rule.audience })}\n`);
    const one = account();
    await one.setUp(federated({ identityFile: file }));
    expect(posts(/oauth\/token/)).toBe(1);
    expect(server.requests[0]?.body).toMatchObject({
      grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
      federation_rule_id: server.rule.id,
      organization_id: server.rule.organization,
    });
    expect(server.requests[0]?.betas).toEqual(['oauth-2025-04-20', 'oidc-federation-2026-04-01']);
    server.expire(/Bearer (\S+?)"/.exec(server.raw.at(-1) ?? '')?.[1] ?? '');
    const renewed = identityToken({ aud: server.rule.audience, exp: Math.floor(Date.now() / 1_000) + 900 });
    await writeFile(file, renewed);
    await one.list();
    expect(posts(/oauth\/token/)).toBe(2);
    expect(server.raw.some((sent) => sent.includes(renewed))).toBe(true);
  });

  test('keeps an identity token that was typed in secrets alone', async () => {
    const token = identityToken({ aud: server.rule.audience });
    await account().setUp(federated({ identityToken: token, workspace: 'default' }));
    expect(await readFile(join(folder, 'settings.json'), 'utf8')).not.toContain(token);
    await account().list();
    expect(server.requests.at(-1)?.path).toContain('certificates');
    expect(server.requests[0]?.body).toMatchObject({ workspace_id: 'default' });
  });

  test.each([
    ['another audience', () => identityToken({ aud: 'api.anthropic.com' }), 'audience mismatch'],
    ['a token that is over', () => identityToken({ aud: server.rule.audience, exp: 1 }), 'expired'],
  ])('says why it was refused: %s', async (_what, make, words) => {
    const token = make();
    const failure = await account()
      .setUp(federated({ identityToken: token }))
      .catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'federation_refused' });
    expect(String(failure)).toContain(words);
    expect(String(failure)).not.toContain(token);
    expect(server.tunnels).toHaveLength(0);
  });

  test('an exchange that goes on being refused is not tried for ever', async () => {
    const one = account();
    await one.setUp(federated({ identityToken: identityToken({ aud: server.rule.audience }) }));
    server.fail('GET', /tunnels/, { status: 401 }, { status: 401 });
    await expect(one.list()).rejects.toMatchObject({ code: 'tunnel_api_unauthorized' });
    expect(posts(/oauth\/token/)).toBe(2);
  });

  test('what is no JWT is not sent', async () => {
    await expect(account().setUp(federated({ identityToken: 'not a token' }))).rejects.toMatchObject({
      code: 'identity_token_malformed',
    });
    expect(server.requests).toHaveLength(0);
  });
});

test('a foreign certificate is none of ours', async () => {
  await account().setUp(choice());
  const { authority } = await createAuthority({ commonName: 'Somebody', now: Date.now() });
  const id = server.tunnels[0]?.id ?? '';
  const answer = await fetch(`${server.url}/v1/tunnels/${id}/certificates?beta=true`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${server.issue()}`,
      'anthropic-version': '2023-06-01',
      'anthropic-beta': 'mcp-tunnels-2026-06-22,oauth-2025-04-20',
      'content-type': 'application/json',
    },
    body: JSON.stringify({ ca_certificate_pem: authority.pem }),
  });
  expect(answer.status).toBe(200);
  const { certificates } = await account().list();
  expect(certificates.map(({ ours }) => ours).sort()).toEqual([false, true]);
});
