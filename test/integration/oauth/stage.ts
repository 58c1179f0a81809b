import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Core, startCore } from '../../../electron/core/core.ts';
import type { GuardedFetchDeps } from '../../../electron/core/oauth/guarded-fetch.ts';
import { createConfSettingsFile } from '../../../electron/core/settings/conf-settings-file.ts';
import { systemClock } from '../../../electron/core/state/system-clock.ts';
import type { Clock } from '../../../electron/shared/clock.ts';
import type { AppState, RequestInput, RequestName, RequestOutput } from '../../../electron/shared/contract.ts';
import type { ConsentView } from '../../../electron/shared/views.ts';
import { trust } from '../../agents.ts';

const cli = join(import.meta.dirname, '../../../electron/cli/main.ts');

/** The whole app in this process, with the sample server shared twice: as `mine` and `other`. */
export interface OauthStage {
  readonly core: Core;
  readonly issuer: string;
  readonly url: string;
  readonly otherUrl: string;
  readonly slug: string;
  readonly folder: string;
  ask<Name extends RequestName>(name: Name, input: RequestInput<Name>): Promise<RequestOutput<Name>>;
  /** The first request for access that fits, now or as soon as there is one. */
  consent(fits?: (consent: ConsentView) => boolean): Promise<ConsentView>;
  /** Waits for a state. */
  until(fits: (state: AppState) => boolean): Promise<AppState>;
  /** Messages of the log's notes. */
  notes(): Promise<string[]>;
  close(): Promise<void>;
}

/** Starts it on a port of its own. */
export async function startStage(options: { documents?: GuardedFetchDeps; clock?: Clock } = {}): Promise<OauthStage> {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-oauth-'));
  const dataDir = join(folder, 'data');
  const core = await startCore({
    dataDir,
    version: '0.0.0',
    clock: systemClock,
    openSettingsFile: () => createConfSettingsFile(dataDir),
    selfCommand: [process.execPath, cli],
    cliMayDecide: true,
    ...options,
  });
  const ask: OauthStage['ask'] = async (name, input) =>
    (await core.dispatcher.request(name, input, { front: 'test' })) as never;
  const first = await ask('servers.try', {});
  const command = [cli, 'sample-server', join(folder, 'other-notebook')];
  await ask('servers.add', { name: 'other', command: process.execPath, args: command });
  const second = await ask('servers.share', { server: 'other' });
  trust((await ask('tunnel.ca', {})).pem);

  const until = (fits: (state: AppState) => boolean): Promise<AppState> =>
    new Promise((resolve) => {
      let state: AppState | undefined;
      const session = core.dispatcher.connect({
        front: 'test',
        send: (frame) => {
          if (frame.type !== 'event' || frame.topic !== 'state') return;
          const payload = frame.payload as { state?: AppState; patch?: Partial<AppState> };
          state = payload.state ?? (state && { ...state, ...payload.patch });
          if (!state || !fits(state)) return;
          resolve(state);
          setImmediate(() => session.close());
        },
      });
      session.receive({ type: 'subscribe', topic: 'state' });
    });
  return {
    core,
    folder,
    issuer: new URL(first.url).origin,
    url: first.url,
    otherUrl: second.url,
    slug: first.slug,
    ask,
    until,
    async consent(fits = () => true) {
      const { consents } = await until((state) => state.consents.some(fits));
      const found = consents.find(fits);
      if (!found) throw new Error('no consent');
      return found;
    },
    async notes() {
      const { rows } = await ask('log.list', { limit: 500 });
      return rows.map((row) => ('message' in row ? String(row.message) : ''));
    },
    async close() {
      await core.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Where a browser ended up. */
export interface Visit {
  readonly url: URL;
  readonly status: number;
  readonly headers: Headers;
  readonly html: string;
}

/** A browser as far as OAuth needs one: cookies by path, redirects, `Refresh`, and one form. It leaves at other origins. */
export class TestBrowser {
  readonly cookies = new Map<string, { value: string; path: string }>();
  readonly #issuer: string;
  constructor(issuer: string) {
    this.#issuer = issuer;
  }

  /** Goes to an address and on until a page stays, or the way leads to another origin. */
  async visit(address: string | URL, init: RequestInit = {}): Promise<Visit> {
    let url = new URL(address);
    let request = init;
    for (let hop = 0; hop < 12; hop += 1) {
      if (url.origin !== this.#issuer) return { url, status: 0, headers: new Headers(), html: '' };
      const cookie = [...this.cookies]
        .filter(
          ([, { path }]) => url.pathname === path || url.pathname.startsWith(path.endsWith('/') ? path : `${path}/`),
        )
        .map(([name, { value }]) => `${name}=${value}`)
        .join('; ');
      const headers = new Headers(request.headers);
      headers.set('accept', 'text/html');
      if (cookie !== '') headers.set('cookie', cookie);
      const response = await fetch(url, { ...request, headers, redirect: 'manual' });
      for (const line of response.headers.getSetCookie()) this.#keep(line);
      const html = await response.text();
      const next = response.headers.get('location') ?? /^0; url=(.*)$/.exec(response.headers.get('refresh') ?? '')?.[1];
      if (next === undefined || next === null) return { url, status: response.status, headers: response.headers, html };
      url = new URL(next, url);
      request = {};
    }
    throw new Error('the browser goes in circles');
  }

  /** Types a code into the page that waits. */
  async type(page: Visit, code: string, change: { origin?: string; csrf?: string } = {}): Promise<Visit> {
    const csrf = change.csrf ?? /name="csrf" value="([^"]+)"/.exec(page.html)?.[1] ?? '';
    return await this.visit(page.url, {
      method: 'POST',
      body: new URLSearchParams({ code, csrf }),
      headers: { origin: change.origin ?? this.#issuer },
    });
  }

  #keep(line: string): void {
    const [pair = '', ...attributes] = line.split(';').map((part) => part.trim());
    const [name = '', ...value] = pair.split('=');
    const path = attributes.find((one) => one.toLowerCase().startsWith('path='))?.slice(5) ?? '/';
    if (value.join('=') === '') this.cookies.delete(name);
    else this.cookies.set(name, { value: value.join('='), path });
  }
}

/** PKCE verifier and challenge. */
export function pkce(): { verifier: string; challenge: string } {
  const verifier = randomBytes(32).toString('base64url');
  return { verifier, challenge: createHash('sha256').update(verifier).digest('base64url') };
}

/** Address of an authorization request; `change` replaces parameters, and `undefined` leaves one out. */
export function authorizeUrl(
  stage: Pick<OauthStage, 'issuer' | 'url'>,
  clientId: string,
  redirect: string,
  challenge: string,
  change: Record<string, string | undefined> = {},
): string {
  const params = {
    response_type: 'code',
    client_id: clientId,
    redirect_uri: redirect,
    code_challenge: challenge,
    code_challenge_method: 'S256',
    state: 'st-1',
    scope: 'all-shared',
    resource: stage.url,
    ...change,
  };
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) if (value !== undefined) query.set(name, value);
  return `${stage.issuer}/authorize?${query}`;
}

/** Registers a public client. */
export async function register(
  issuer: string,
  body: object,
): Promise<{ status: number; body: Record<string, unknown> }> {
  const response = await fetch(`${issuer}/register`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

/** Calls the token endpoint or another one that takes a form. */
export async function form(
  address: string,
  fields: Record<string, string>,
): Promise<{ status: number; body: Record<string, string> }> {
  const response = await fetch(address, { method: 'POST', body: new URLSearchParams(fields) });
  const text = await response.text();
  return { status: response.status, body: text === '' ? {} : JSON.parse(text) };
}

/** What a client holds in the end. */
export interface Held {
  readonly clientId: string;
  readonly redirect: string;
  readonly access: string;
  readonly refresh: string;
  readonly scope: string;
  readonly code: string;
  readonly verifier: string;
}

/** The whole way by hand: register, ask, allow, type the code, take tokens. */
export async function letIn(
  stage: OauthStage,
  options: { name?: string; scope?: string; resource?: string; tools?: 'all' | 'reads' | string[] } = {},
): Promise<Held> {
  const redirect = 'http://127.0.0.1:9/callback';
  await stage.ask('agents.letIn', {});
  const { body } = await register(stage.issuer, { client_name: options.name ?? 'Hand', redirect_uris: [redirect] });
  const clientId = String(body.client_id);
  const { verifier, challenge } = pkce();
  const browser = new TestBrowser(stage.issuer);
  const resource = options.resource ?? stage.url;
  const page = await browser.visit(
    authorizeUrl(stage, clientId, redirect, challenge, { resource, scope: options.scope ?? 'all-shared' }),
  );
  const consent = await stage.consent((one) => one.client.name === (options.name ?? 'Hand'));
  await stage.ask('consents.answer', { id: consent.id, answer: 'allow', tools: options.tools ?? 'all' });
  const back = await browser.type(page, consent.code);
  const code = back.url.searchParams.get('code') ?? '';
  const tokens = await form(`${stage.issuer}/token`, {
    grant_type: 'authorization_code',
    client_id: clientId,
    redirect_uri: redirect,
    code,
    code_verifier: verifier,
    resource,
  });
  const { access_token: access = '', refresh_token: refresh = '', scope = '' } = tokens.body;
  if (access === '')
    throw new Error(`no token: ${back.url.href.replace(code, '…')} ${JSON.stringify(tokens.body)} ${back.html}`);
  return { clientId, redirect, access, refresh, scope, code, verifier };
}

/** One request to a shared server with a token. */
export async function knock(url: string, token: string, init: RequestInit = {}): Promise<Response> {
  return await fetch(url, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
    },
    body: JSON.stringify({
      jsonrpc: '2.0',
      id: 1,
      method: 'initialize',
      params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'knock', version: '1' } },
    }),
    ...init,
  });
}
