import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { contentSecurityPolicy } from '../../electron/shell/app-files.ts';
import { FixtureApp } from './fixture-app.ts';

/** The locks of the window (`docs/security.md`). That the double itself locks nothing: conformance.test.ts beside it. */

let app: FixtureApp;
let page: Page;
let targetId: string;
let sink: Server;
let sinkUrl: string;
const reached: string[] = [];

beforeAll(async () => {
  sink = createServer((request, response) => {
    reached.push(request.url ?? '');
    response.setHeader('access-control-allow-origin', '*');
    response.end('<!doctype html><title>elsewhere</title>');
  });
  await once(sink.listen(0, '127.0.0.1'), 'listening');
  sinkUrl = `http://127.0.0.1:${(sink.address() as AddressInfo).port}`;
  app = await FixtureApp.start();
  page = await app.page('#/servers');
  await page.getByRole('navigation').first().waitFor();
  targetId = (await app.desk()).windows[0]?.targetId ?? '';
});
afterAll(async () => {
  await app.stop();
  sink.close();
});

async function reload(): Promise<void> {
  const loaded = page.waitForEvent('load');
  await app.command({ type: 'reload-window', targetId });
  await loaded;
  await page.getByRole('navigation').first().waitFor();
}

const ask = (frame: { url: string; main: boolean } | undefined, sender: string | undefined, name = 'status.get') =>
  app.command({
    type: 'invoke-as',
    ...(sender ? { targetId: sender } : {}),
    ...(frame ? { frame } : {}),
    channel: 'contract:request',
    args: [name, {}],
  }) as Promise<{ ok: boolean; value: unknown }>;

test('windows are sandboxed, isolated and without Node', async () => {
  const desk = await app.desk();
  expect(desk.sandboxed).toBe(true);
  expect(desk.windows[0]?.options.webPreferences).toMatchObject({
    sandbox: true,
    contextIsolation: true,
    nodeIntegration: false,
    nodeIntegrationInWorker: false,
    nodeIntegrationInSubFrames: false,
    webSecurity: true,
    allowRunningInsecureContent: false,
    webviewTag: false,
  });
  expect(
    await page.evaluate(() => ['require', 'process', 'module', '__double'].filter((name) => name in globalThis)),
  ).toEqual([]);
});

test('the page has one object, frozen, with two functions', async () => {
  const found = await page.evaluate(() => {
    const api = (globalThis as unknown as { sallyport: Record<string, unknown> }).sallyport;
    return { names: Object.keys(api).sort(), frozen: Object.isFrozen(api) };
  });
  expect(found).toEqual({ names: ['request', 'subscribe'], frozen: true });
});

test.each(['media', 'geolocation', 'notifications', 'clipboard-read', 'openExternal', 'usb', 'fileSystem'])(
  'the permission %s is denied, asked or checked',
  async (name) => {
    expect(await app.command({ type: 'permission', name })).toEqual({
      requested: false,
      checked: false,
      device: false,
    });
  },
);

describe('the network', () => {
  test('is closed by the policy', async () => {
    const policy = await page.evaluate(async (url) => {
      const seen: string[] = [];
      document.addEventListener('securitypolicyviolation', (event) => seen.push(event.effectiveDirective));
      await fetch(url).catch(() => undefined);
      const image = new Image();
      image.src = url;
      await new Promise((done) => {
        image.onerror = done;
        image.onload = done;
      });
      return seen;
    }, `${sinkUrl}/policy`);
    expect(policy).toEqual(expect.arrayContaining(['connect-src', 'img-src']));
    expect(reached).toEqual([]);
  });

  test('is closed by the request filter too, for code that got around the policy', async () => {
    const session = await page.context().newCDPSession(page);
    await session.send('Page.setBypassCSP', { enabled: true });
    await reload(); // it counts from the next page on
    const fromFrame = await page.evaluate(async (url) => {
      const loaded = (element: HTMLElement) =>
        new Promise<string>((done) => {
          element.onload = () => done('loaded');
          element.onerror = () => done('blocked');
          document.body.append(element);
        });
      const image = new Image();
      image.src = `${url}/image`;
      const script = document.createElement('script');
      script.src = `${url}/script`;
      return Promise.all([
        loaded(image),
        loaded(script),
        fetch(`${url}/fetch`).then(
          () => 'loaded',
          () => 'blocked',
        ),
      ]);
    }, sinkUrl);
    await session.send('Page.setBypassCSP', { enabled: false });
    await reload();
    expect(fromFrame).toEqual(['blocked', 'blocked', 'blocked']);
    const { refusals } = await app.desk();
    for (const path of ['image', 'script', 'fetch']) expect(refusals).toContain(`request ${sinkUrl}/${path}`);
    expect(reached).toEqual([]);
  });
});

test('inline scripts do not run', async () => {
  const ran = await page.evaluate(() => {
    const script = document.createElement('script');
    script.textContent = 'globalThis.inlineRan = true';
    document.body.append(script);
    return 'inlineRan' in globalThis;
  });
  expect(ran).toBe(false);
});

test('the policy allows nothing unsafe and nothing from elsewhere', () => {
  expect(contentSecurityPolicy).toContain("default-src 'none'");
  expect(contentSecurityPolicy).not.toMatch(/unsafe|\*|https?:|data:|blob:/);
});

describe('navigation', () => {
  const refused = (what: string) => app.until(what, (desk) => desk.refusals.includes(what));

  test('to elsewhere is denied', async () => {
    await page.evaluate((url) => {
      location.href = url;
    }, `${sinkUrl}/navigate`);
    await refused(`navigation ${sinkUrl}/navigate`);
    expect(page.url()).toContain('ui.app-scheme.test');
    expect(reached).toEqual([]);
  });

  test('to another file of ours is denied as well', async () => {
    await page.evaluate(() => {
      location.href = '/licenses.md';
    });
    await refused('navigation app://ui/licenses.md');
    expect(page.url()).toContain('/index.html');
  });

  test.each(['', 'noopener'])('windows are not opened (%s)', async (features) => {
    const pages = page.context().pages().length;
    await page.evaluate(([url, how]) => window.open(url, '_blank', how) && undefined, [
      `${sinkUrl}/popup-${features}`,
      features,
    ] as const);
    await refused(`popup ${sinkUrl}/popup-${features}`);
    expect(reached).toEqual([]);
    expect((await app.desk()).openedUrls).toEqual([]);
    await expect.poll(() => page.context().pages().length).toBe(pages);
  });

  test('a link on the allow-list opens outside, another does not', async () => {
    for (const url of ['https://modelcontextprotocol.io.evil.example/', 'https://modelcontextprotocol.io/docs']) {
      await page.evaluate((address) => window.open(address) && undefined, url);
      await refused(`popup ${url}`);
    }
    const desk = await app.desk();
    expect(desk.openedUrls).toEqual(['https://modelcontextprotocol.io/docs']);
  });
});

describe('messages', () => {
  const ours = { url: 'app://ui/index.html', main: true };

  test('of our page are answered', async () => {
    expect(await ask(ours, targetId)).toMatchObject({ ok: true, value: { ok: true } });
  });

  test.each([
    ['web contents that nobody admitted', ours, false],
    ['a frame inside our page', { url: 'app://ui/index.html', main: false }, true],
    ['a page from elsewhere', { url: 'https://ui/index.html', main: true }, true],
    ['another host of the scheme', { url: 'app://other/index.html', main: true }, true],
    ['a name that only begins like ours', { url: 'app://ui.evil/index.html', main: true }, true],
    ['a file', { url: 'file:///index.html', main: true }, true],
    ['an empty page', { url: 'about:blank', main: true }, true],
    ['a frame that is gone', undefined, true],
  ])('of %s are rejected', async (_who, frame, known) => {
    const before = app.reports.length;
    const answer = await ask(frame, known ? targetId : undefined);
    expect(answer).toMatchObject({
      ok: false,
      value: expect.stringContaining('This sender may not speak to the app.'),
    });
    expect(app.reports).toHaveLength(before);
  });

  test('each channel checks its sender', async () => {
    const { channels } = await app.desk();
    expect(channels).toEqual(['contract:request', 'contract:subscribe', 'contract:unsubscribe']);
    for (const channel of channels) {
      const answer = await app.command({ type: 'invoke-as', channel, args: ['state', {}] });
      expect(answer, channel).toMatchObject({ ok: false });
    }
  });

  test.each([
    ['no name', [undefined, undefined]],
    ['a name that is none', ['__proto__', {}]],
    ['an inherited name', ['toString', {}]],
    ['an object as name', [{ toString: 'x' }, {}]],
    ['input that is no object', ['status.get', 'x']],
    ['unknown keys', ['status.get', { extra: 1 }]],
    ['a wrong type', ['servers.share', { server: 7 }]],
    ['a huge name', ['x'.repeat(100_000), {}]],
    ['deep input', ['servers.share', JSON.parse(`${'{"a":'.repeat(2_000)}1${'}'.repeat(2_000)}`)]],
  ])('with %s are refused in words', async (_what, args) => {
    const before = app.reports.length;
    const answer = (await app.command({
      type: 'invoke-as',
      targetId,
      frame: ours,
      channel: 'contract:request',
      args,
    })) as { ok: boolean; value: { ok: boolean; error?: { code: string } } };
    if (answer.ok) expect(answer.value.error?.code).toMatch(/^(unknown_request|bad_input)$/);
    expect(JSON.stringify(answer).length).toBeLessThan(2_000);
    expect(app.reports).toHaveLength(before);
  });

  test('the preload lets only names of the contract through', async () => {
    const said = await page.evaluate(async () => {
      const { sallyport } = globalThis as unknown as {
        sallyport: {
          request(name: unknown, input: unknown): Promise<unknown>;
          subscribe(topic: unknown, listener: unknown): unknown;
        };
      };
      const tried: string[] = [];
      for (const name of ['toString', '__proto__', '', 7, null]) {
        await sallyport.request(name, {}).catch((error: Error) => tried.push(error.message));
        try {
          sallyport.subscribe(name, () => undefined);
        } catch (error) {
          tried.push((error as Error).message);
        }
      }
      return tried;
    });
    expect(said).toHaveLength(10);
  });

  test('errors reach the page as values, with code, hop and hint', async () => {
    const answer = await page.evaluate(() =>
      (
        globalThis as unknown as { sallyport: { request(name: string, input: unknown): Promise<unknown> } }
      ).sallyport.request('servers.share', {}),
    );
    expect(answer).toMatchObject({ ok: false, error: { code: 'bad_input', hop: 'app' } });
  });
});

test('a page that is loaded anew subscribes anew, and hears everything once', async () => {
  await reload();
  await page.evaluate(() => {
    const heard: unknown[] = [];
    const { sallyport } = globalThis as unknown as {
      sallyport: { subscribe(topic: string, listener: (payload: unknown) => void): () => void };
    };
    sallyport.subscribe('state', (payload) => heard.push(payload));
    Object.assign(globalThis, { heard });
  });
  await page.waitForFunction(() => (globalThis as unknown as { heard: unknown[] }).heard.length > 0);
  const before = await page.evaluate(() => (globalThis as unknown as { heard: unknown[] }).heard.length);
  app.setState({ version: '9.9.9' });
  await page.waitForFunction((count) => (globalThis as unknown as { heard: unknown[] }).heard.length > count, before);
  const news = await page.evaluate(
    (count) => (globalThis as unknown as { heard: unknown[] }).heard.slice(count),
    before,
  );
  expect(news).toEqual([{ rev: expect.any(Number), patch: { version: '9.9.9' } }]);
});
