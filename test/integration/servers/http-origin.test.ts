import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { ServersDeps } from '../../../electron/core/servers/create-servers.ts';
import type { Reach } from '../../../electron/core/servers/http/upstream-address.ts';
import { createServerRegistry } from '../../../electron/core/servers/server-registry.ts';
import { viewServer } from '../../../electron/core/servers/server-view.ts';
import type { ServerRecord, Servers } from '../../../electron/core/servers/servers.ts';
import type { SettingsData } from '../../../electron/core/settings/settings.ts';
import { defaultSettings, settingsDocument } from '../../../electron/core/settings/settings-document.ts';
import { createAuthority } from '../../../electron/core/tunnel/pki/authority.ts';
import { issueServerCertificate } from '../../../electron/core/tunnel/pki/issue-certificate.ts';
import {
  type FixtureTls,
  type HttpFixture,
  serveHttp,
  serveLegacyHttp,
} from '../../fixtures/mcp-servers/http-servers.ts';
import { callTool, station, textOf } from './station.ts';

const host = 'tools.example.com';
let tls: FixtureTls;
let ca: string;
let otherCa: string;
beforeAll(async () => {
  const now = Date.now();
  const { authority } = await createAuthority({ commonName: 'private test CA', now });
  const issued = await issueServerCertificate({ authority, hosts: [host], now });
  tls = { cert: issued.pem, key: issued.keyPem, host };
  ca = authority.pem;
  otherCa = (await createAuthority({ commonName: 'another CA', now })).authority.pem;
});

const open: { close(): Promise<void> }[] = [];
const running: Servers[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((servers) => servers.stopAll(300)));
  await Promise.all(open.splice(0).map((fixture) => fixture.close()));
});
const kept = <T extends HttpFixture>(fixture: T): T => {
  open.push(fixture);
  return fixture;
};

type Lookup = NonNullable<ServersDeps['lookup']>;
/** A resolver that gives these addresses, one answer after the other, the last one for ever. */
function resolver(...answers: readonly string[][]): { readonly lookup: Lookup; readonly asked: () => number } {
  let asked = 0;
  const lookup = ((_name: string, _options: object, callback: (error: null, found: object[]) => void) => {
    const found = answers[Math.min(asked, answers.length - 1)] ?? [];
    asked += 1;
    callback(
      null,
      found.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
    );
  }) as unknown as Lookup;
  return { lookup, asked: () => asked };
}

function stationWith(deps: Partial<ServersDeps>, secrets: Readonly<Record<string, string>> = {}): Servers {
  const servers = station({ limits: { startMs: 2_000 }, ...deps }, secrets);
  running.push(servers);
  return servers;
}

function record(url: string, more: { headers?: string[]; ca?: string; reach?: Reach } = {}): ServerRecord {
  const { reach, ...target } = more;
  return {
    slug: 'under-test',
    name: 'Under test',
    shared: true,
    target: { kind: 'http', url, ...target },
    ...(reach ? { reach } : {}),
  };
}

describe('a server behind a certificate of a private CA', () => {
  it('is reached with that CA and its own headers, and by nobody else’s', async () => {
    const fixture = kept(await serveLegacyHttp(tls));
    const reaches: Reach[] = [];
    const servers = stationWith(
      { lookup: resolver(['127.0.0.1']).lookup, onReach: (_slug, reach) => reaches.push(reach) },
      { 'server-header:under-test:Authorization': 'Bearer of-its-own' },
    );
    const session = await servers.connect(record(fixture.url, { ca, headers: ['Authorization'] }), 'a');
    expect(textOf(await callTool(session, 'add', { a: 2, b: 3 }))).toBe('5');
    expect(reaches).toEqual(['machine']);
    await servers.stop('under-test');
    expect(fixture.seen.map(({ method }) => method)).toContain('DELETE');
    expect(fixture.seen.every(({ headers }) => headers.authorization === 'Bearer of-its-own')).toBe(true);
  });

  it('is not reached without it, nor with another one', async () => {
    const fixture = kept(await serveLegacyHttp(tls));
    for (const trusted of [undefined, otherCa]) {
      const servers = stationWith({ lookup: resolver(['127.0.0.1']).lookup });
      await expect(servers.connect(record(fixture.url, trusted ? { ca: trusted } : {}), 'a')).rejects.toMatchObject({
        code: 'server_not_ready',
        message: 'Under test shows a certificate that is not trusted here.',
        hint: expect.stringContaining('--ca FILE') as string,
      });
    }
    expect(fixture.seen).toEqual([]);
  });

  it('must show that very name', async () => {
    const fixture = kept(await serveLegacyHttp(tls));
    const servers = stationWith({ lookup: resolver(['127.0.0.1']).lookup });
    const elsewhere = fixture.url.replace(host, 'other.example.com');
    await expect(servers.connect(record(elsewhere, { ca }), 'a')).rejects.toMatchObject({
      message: 'Under test shows a certificate for another name.',
    });
  });

  it('that repeats its credentials in an error does not get them shown', async () => {
    const fixture = kept(
      await serveHttp((request, response) => {
        const said = { code: -32_000, message: `no access with ${request.headers['x-key']}` };
        response.writeHead(200, { 'content-type': 'application/json' });
        response.end(JSON.stringify({ jsonrpc: '2.0', id: 1, error: said }));
      }, tls),
    );
    const secrets = { 'server-header:under-test:X-Key': 'k-4711-0815' };
    const servers = stationWith({ lookup: resolver(['127.0.0.1']).lookup }, secrets);
    const failure: unknown = await servers
      .connect(record(fixture.url, { ca, headers: ['X-Key'] }), 'a')
      .catch((thrown: unknown) => thrown);
    expect(String(failure)).toContain('no access with [x-key]');
    expect(JSON.stringify(servers.health('under-test'))).not.toContain('4711');
  });
});

describe('adding a server with a CA', () => {
  const registry = () => {
    let data: SettingsData = defaultSettings();
    const settings = {
      get: () => data,
      update: (change: (now: SettingsData) => SettingsData) => (data = change(data)),
    };
    const stored = new Map<string, string>();
    const secrets = {
      get: async (name: string) => stored.get(name),
      set: async (name: string, value: string) => void stored.set(name, value),
      names: () => [],
      delete: async () => {},
    };
    type Deps = Parameters<typeof createServerRegistry>[0];
    const deps = { settings, secrets } as unknown as Deps;
    return { registry: createServerRegistry(deps), stored, data: () => data };
  };
  const spec = { name: 'Tools', url: `https://${host}/mcp`, headers: { 'X-Key': 'k-4711-0815' } };

  it('keeps its certificates, shows whose they are, and keeps nothing else of the file', async () => {
    const made = registry();
    const added = await made.registry.add({ ...spec, ca: `${tls.key}\n${ca}\n` });
    const text = JSON.stringify(made.data());
    expect(text).toContain('BEGIN CERTIFICATE');
    expect(text).not.toContain('PRIVATE KEY');
    expect(text).not.toContain('4711');
    expect(made.stored.get('server-header:tools:X-Key')).toBe('k-4711-0815');
    expect(settingsDocument.safeParse(made.data()).success).toBe(true);
    const view = viewServer(added, { state: 'stopped', sessions: 0 }, [], '');
    expect(view).toMatchObject({ headers: ['X-Key'], ca: [{ subject: expect.stringContaining('private test CA') }] });
    expect(view.ca?.[0]?.fingerprint).toMatch(/^sha256:[0-9a-f]{64}$/);
  });

  it.each([
    ['no certificate', { ca: 'hello' }, 'holds no certificate'],
    ['a broken one', { ca: '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----' }, 'is no certificate'],
    ['a URL without https', { url: 'http://127.0.0.1/mcp', ca: '' }, 'is of no use'],
  ])('is refused with %s', async (_what, more, words) => {
    await expect(registry().registry.add({ ...spec, ...more })).rejects.toMatchObject({
      code: 'bad_server',
      message: expect.stringContaining(words) as string,
    });
  });
});

describe('the address of a server', () => {
  it('is resolved once for a conversation: what a name says later changes nothing', async () => {
    const fixture = kept(await serveLegacyHttp(tls));
    const names = resolver(['127.0.0.1'], ['203.0.113.9']);
    const servers = stationWith({ lookup: names.lookup });
    const session = await servers.connect(record(fixture.url, { ca }), 'a');
    for (let n = 0; n < 5; n += 1) {
      const calls = Array.from({ length: 4 }, () => callTool(session, 'add', { a: n, b: 1 }));
      for (const answer of await Promise.all(calls)) expect(textOf(answer)).toBe(String(n + 1));
    }
    expect(names.asked()).toBe(1);
  });

  it.each([
    ['public', ['127.0.0.1'], 'leads to this machine now, and led to the public internet before'],
    ['public', ['10.0.0.1'], 'leads into a private network now, and led to the public internet before'],
    ['private', ['::1'], 'leads to this machine now, and led into a private network before'],
    ['public', ['203.0.114.1', '127.0.0.1'], 'leads to this machine now, and led to the public internet before'],
    [undefined, ['169.254.169.254'], 'leads to an address that no server is reached at'],
  ] as const)('that was %s and is now %j is not connected to', async (reach, addresses, words) => {
    const fixture = kept(await serveLegacyHttp(tls));
    const servers = stationWith({ lookup: resolver([...addresses]).lookup });
    await expect(servers.connect(record(fixture.url, { ca, ...(reach ? { reach } : {}) }), 'a')).rejects.toMatchObject({
      code: 'server_not_ready',
      message: `Under test is not connected to: ${host} ${words}.`,
    });
    expect(fixture.seen).toEqual([]);
  });

  it('that is a metadata service is refused as it is written', async () => {
    const servers = stationWith({});
    await expect(servers.connect(record('https://169.254.169.254/mcp'), 'a')).rejects.toMatchObject({
      message: 'Under test: 169.254.169.254 is no address of a server.',
    });
  });
});

it('a redirect is refused, and where it leads hears nothing', async () => {
  const lure = kept(await serveHttp((_request, response) => response.end()));
  const fixture = kept(
    await serveHttp((_request, response) => response.writeHead(308, { location: lure.url }).end(), tls),
  );
  const secrets = { 'server-header:under-test:X-Key': 'k-4711-0815' };
  const servers = stationWith({ lookup: resolver(['127.0.0.1']).lookup }, secrets);
  await expect(servers.connect(record(fixture.url, { ca, headers: ['X-Key'] }), 'a')).rejects.toMatchObject({
    message: 'Under test answered with a redirect (308), which is not followed.',
  });
  expect(lure.seen).toEqual([]);
});
