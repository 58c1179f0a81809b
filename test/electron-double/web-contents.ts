import { EventEmitter } from 'node:events';
import { readFileSync } from 'node:fs';
import { serialize } from 'node:v8';
import type { WebPreferences, WindowOpenHandlerResponse } from 'electron';
import * as z from 'zod';
import { toChromium, toElectron } from './app-urls.ts';
import type { CdpEvent } from './cdp.ts';
import { answerInvoke } from './ipc.ts';
import { bridgeEnd, mainWorld, preloadWorld } from './page-scripts.ts';
import { decidePopup, openPage } from './popups.ts';
import { handlerFor } from './protocol.ts';
import { changed, refused, runningBrowser } from './runtime.ts';
import { defaultSession } from './session.ts';
import { strict } from './strict.ts';

const preloadWorldName = 'electron-preload';
const binding = '__doubleSend';

const paused = z.object({
  requestId: z.string(),
  request: z.object({ url: z.string(), method: z.string() }),
  frameId: z.string(),
  resourceType: z.string(),
});
const context = z.object({
  context: z.object({ id: z.number(), name: z.string(), auxData: z.object({ frameId: z.string() }).partial() }),
});
const frame = z.object({
  frame: z.object({
    id: z.string(),
    url: z.string(),
    urlFragment: z.string().default(''),
    parentId: z.string().optional(),
  }),
});
const navigated = z.object({ frameId: z.string(), url: z.string() });
const starting = navigated.extend({ navigationType: z.string() });
const called = z.object({ name: z.string(), payload: z.string(), executionContextId: z.number() });
const invoke = z.object({ id: z.number(), channel: z.string(), args: z.array(z.unknown()) });

let nextId = 1;

/** One page of Chromium as Electron's web contents. */
export class DoubleWebContents extends EventEmitter {
  readonly id = nextId++;
  readonly session = defaultSession;
  targetId = '';
  private cdpSession = '';
  private url = '';
  private destroyed = false;
  private loaded = false;
  private readonly ready: Promise<void>;
  private readonly frames = new Map<string, { url: string; parentId: string | undefined }>();
  private readonly contexts = new Map<number, { frameId: string; name: string }>();
  private readonly expected = new Set<string>();
  private windowOpen: ((details: { url: string }) => WindowOpenHandlerResponse) | undefined;
  private queue: Promise<unknown> = Promise.resolve();

  /** @param size of the page, as the window's options say */
  constructor(preferences: WebPreferences, size: { width: number; height: number }) {
    super();
    this.ready = this.attach(preferences, size);
    this.ready.catch(() => undefined);
  }

  setWindowOpenHandler(handler: (details: { url: string }) => WindowOpenHandlerResponse): void {
    this.windowOpen = handler;
  }

  isDestroyed(): boolean {
    return this.destroyed;
  }

  getURL(): string {
    return this.url;
  }

  send(channel: string, ...args: unknown[]): void {
    serialize(args); // what cannot be cloned throws, as in Electron
    const text = JSON.stringify(args);
    this.inPreload(`__double.emit(${JSON.stringify(channel)}, ${text})`);
  }

  /** The app's own loading; what the page starts by itself is a navigation that the app may forbid. */
  async loadURL(address: string): Promise<void> {
    await this.ready;
    const url = toChromium(address);
    this.expected.add(url.replace(/#.*/, ''));
    const result = await this.cdp('Page.navigate', { url });
    if (typeof result.errorText === 'string' && result.errorText)
      throw new Error(`${result.errorText} loading ${address}`);
  }

  async reloadAsApp(): Promise<void> {
    this.expected.add(toChromium(this.url).replace(/#.*/, ''));
    await this.cdp('Page.reload', {});
  }

  async destroy(): Promise<void> {
    if (this.destroyed) return;
    this.destroyed = true;
    this.emit('destroyed');
    await this.ready.catch(() => undefined);
    const { cdp } = await runningBrowser();
    await cdp.send('Target.closeTarget', { targetId: this.targetId }).catch(() => undefined);
  }

  private async attach(preferences: WebPreferences, size: { width: number; height: number }): Promise<void> {
    const { cdp } = await runningBrowser();
    this.targetId = await openPage(cdp);
    this.cdpSession = String(
      (await cdp.send('Target.attachToTarget', { targetId: this.targetId, flatten: true })).sessionId,
    );
    cdp.onEvent((event) => {
      if (event.method === 'Target.targetDestroyed' && event.params.targetId === this.targetId) this.gone();
      else if (event.sessionId === this.cdpSession) void this.take(event);
    });
    await this.cdp('Page.enable');
    await this.cdp('Runtime.enable');
    await this.cdp('Fetch.enable', { patterns: [{ urlPattern: '*', requestStage: 'Request' }] });
    await this.cdp('Emulation.setDeviceMetricsOverride', { ...size, deviceScaleFactor: 1, mobile: false });
    await this.injectBridge(preferences);
    changed();
  }

  private async injectBridge({ preload, contextIsolation }: WebPreferences): Promise<void> {
    if (!preload) return;
    if (contextIsolation === false) throw new Error('contextIsolation: false is not in the double.');
    const token = `double-${this.targetId}-`;
    const end = `(${bridgeEnd.toString()})`;
    const code = readFileSync(preload, 'utf8');
    await this.cdp('Runtime.addBinding', { name: binding, executionContextName: preloadWorldName });
    await this.cdp('Page.addScriptToEvaluateOnNewDocument', {
      source: `(${mainWorld.toString()})(${end}, ${JSON.stringify(token)});`,
    });
    await this.cdp('Page.addScriptToEvaluateOnNewDocument', {
      worldName: preloadWorldName,
      source: `(${preloadWorld.toString()})(${end}, ${JSON.stringify(token)}, ${JSON.stringify(binding)}, function (require) { const module = { exports: {} }; const exports = module.exports; ${code}\n});`,
    });
  }

  private async cdp(method: string, params: object = {}): Promise<Record<string, unknown>> {
    const { cdp } = await runningBrowser();
    return cdp.send(method, params, this.cdpSession);
  }

  /** Runs an expression in the preload's world, one after the other; a page that went away meanwhile is nobody's fault. */
  private inPreload(expression: string): void {
    this.queue = this.queue
      .then(async () => {
        const main = [...this.contexts].find(
          ([, { name, frameId }]) => name === preloadWorldName && this.frames.get(frameId)?.parentId === undefined,
        );
        if (main) await this.cdp('Runtime.evaluate', { expression, contextId: main[0] });
      })
      .catch(() => undefined);
  }

  private async take({ method, params }: CdpEvent): Promise<void> {
    switch (method) {
      case 'Fetch.requestPaused':
        return this.request(paused.parse(params));
      case 'Runtime.executionContextCreated': {
        const { id, name, auxData } = context.parse(params).context;
        this.contexts.set(id, { frameId: auxData.frameId ?? '', name });
        return;
      }
      case 'Runtime.executionContextDestroyed':
        this.contexts.delete(Number(params.executionContextId));
        return;
      case 'Runtime.executionContextsCleared':
        this.contexts.clear();
        return;
      case 'Page.frameNavigated': {
        const { id, url, urlFragment, parentId } = frame.parse(params).frame;
        const address = toElectron(url) + urlFragment;
        this.frames.set(id, { url: address, parentId });
        if (parentId === undefined) this.url = address;
        changed();
        return;
      }
      case 'Page.navigatedWithinDocument': {
        const { frameId, url } = navigated.parse(params);
        const known = this.frames.get(frameId);
        this.frames.set(frameId, { url: toElectron(url), parentId: known?.parentId });
        if (known?.parentId === undefined) this.url = toElectron(url);
        changed();
        return;
      }
      case 'Page.frameStartedNavigating': {
        const { frameId, url, navigationType } = starting.parse(params);
        this.emit('did-start-navigation', {
          url: toElectron(url),
          isSameDocument: /samedocument/i.test(navigationType),
          isMainFrame: this.frames.get(frameId)?.parentId === undefined,
        });
        return;
      }
      case 'Page.loadEventFired':
        if (this.url.startsWith('about:blank') || this.url === '') return;
        this.emit('did-finish-load');
        if (!this.loaded) this.emit('double-ready-to-show');
        this.loaded = true;
        return;
      case 'Page.windowOpen':
        return this.opened(toElectron(String(params.url)));
      case 'Runtime.bindingCalled':
        return this.invoked(called.parse(params));
    }
  }

  /** Every request of the page: our own scheme's handler, the app's filter, the app's say on navigations. */
  private async request({ requestId, request, frameId, resourceType }: z.infer<typeof paused>): Promise<void> {
    const url = toElectron(request.url);
    const fail = (errorReason: string) =>
      this.cdp('Fetch.failRequest', { requestId, errorReason }).catch(() => undefined);
    if (
      resourceType === 'Document' &&
      !this.expected.has(request.url.replace(/#.*/, '')) &&
      this.forbids(url, frameId)
    ) {
      refused('navigation', url);
      await fail('Aborted');
      return;
    }
    if (!(await defaultSession.lets(url, request.method, resourceType))) {
      refused('request', url);
      await fail('BlockedByClient');
      return;
    }
    const scheme = url.slice(0, url.indexOf(':'));
    const handler = handlerFor(scheme);
    if (!handler) {
      await this.cdp('Fetch.continueRequest', { requestId }).catch(() => undefined);
      return;
    }
    const response = await handler(new Request(url, { method: request.method }));
    const body = Buffer.from(await response.arrayBuffer());
    await this.cdp('Fetch.fulfillRequest', {
      requestId,
      responseCode: response.status,
      responseHeaders: [...response.headers].map(([name, value]) => ({ name, value })),
      body: body.toString('base64'),
    }).catch(() => undefined);
  }

  private forbids(url: string, frameId: string): boolean {
    let prevented = false;
    const isMainFrame = this.frames.get(frameId)?.parentId === undefined;
    const event = { url, isMainFrame, preventDefault: () => (prevented = true) };
    if (isMainFrame) this.emit('will-navigate', event);
    this.emit('will-frame-navigate', event);
    return prevented;
  }

  private opened(url: string): void {
    const allowed = this.windowOpen ? this.windowOpen({ url }).action !== 'deny' : true;
    if (!allowed) refused('popup', url);
    decidePopup(allowed);
  }

  private async invoked({ name, payload, executionContextId }: z.infer<typeof called>): Promise<void> {
    if (name !== binding) return;
    const { id, channel, args } = invoke.parse(JSON.parse(payload));
    const { frameId } = this.contexts.get(executionContextId) ?? { frameId: '' };
    const sender = this.frames.get(frameId);
    const senderFrame = sender ? { url: sender.url, parent: sender.parentId === undefined ? null : {} } : null;
    const { ok, value } = await answerInvoke(channel, { sender: strict('webContents', this), senderFrame }, args);
    this.inPreload(`__double.answer(${id}, ${ok}, ${JSON.stringify(value) ?? 'undefined'})`);
  }

  /** The page closed itself. */
  private gone(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    this.emit('destroyed');
    this.emit('double-closed-itself');
  }
}
