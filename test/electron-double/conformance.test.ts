import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DoubleApp } from './launch.ts';

/** The double itself: it bridges worlds as Electron does, and denies nothing that the app does not deny. */

let app: DoubleApp;
let page: Page;
let sink: Server;
let sinkUrl: string;
const reached: string[] = [];

beforeAll(async () => {
  sink = createServer((request, response) => {
    reached.push(request.url ?? '');
    response.setHeader('access-control-allow-origin', '*');
    response.setHeader('content-type', 'text/html');
    response.end('<!doctype html><title>elsewhere</title>');
  });
  await once(sink.listen(0, '127.0.0.1'), 'listening');
  sinkUrl = `http://127.0.0.1:${(sink.address() as AddressInfo).port}`;
  app = await DoubleApp.start({ entry: join(import.meta.dirname, 'unlocked-main.ts') });
  page = await app.page('#/unlocked');
});
afterAll(async () => {
  await app.stop();
  sink.close();
});

const global = <T>(run: string): Promise<T> => page.evaluate(run) as Promise<T>;

test('the preload lives in a world of its own', async () => {
  expect(await global('typeof ofThePreload')).toBe('undefined');
  expect(await global('typeof require')).toBe('undefined');
  expect(await global('typeof __doubleSend')).toBe('undefined');
  expect(await global('Object.isFrozen(api)')).toBe(true);
});

test('values, promises, failures and functions cross the bridge', async () => {
  expect(await global('api.add(1, 2)')).toBe(3);
  expect(await global('api.later({ a: [1, null] })')).toEqual({ value: { a: [1, null] } });
  expect(await global('api.fails().catch((error) => error.message)')).toBe('no');
  expect(await global('(() => { try { api.throws(); } catch (error) { return error.message; } })()')).toBe('at once');
  expect(await global('(() => { const seen = []; api.counts((n) => seen.push(n))(); return seen; })()')).toEqual([
    1, 2, 3,
  ]);
});

test('without a filter the page reaches the network', async () => {
  expect(await global(`fetch('${sinkUrl}/fetch').then((response) => response.status)`)).toBe(200);
  expect(reached).toContain('/fetch');
});

test('without handlers permissions are granted', async () => {
  expect(await app.command({ type: 'permission', name: 'media' })).toEqual({
    requested: true,
    checked: true,
    device: true,
  });
});

test('without a handler a page opens windows', async () => {
  const popup = page.context().waitForEvent('page');
  await global(`void window.open('${sinkUrl}/popup')`);
  await (await popup).waitForLoadState();
  expect(reached).toContain('/popup');
});

test('what the double lacks is an error, not undefined', async () => {
  await expect(app.command({ type: 'click-tray', id: 'none' })).rejects.toThrow('no none');
});

test('without a listener the page goes elsewhere', async () => {
  await global(`void (location.href = '${sinkUrl}/navigate')`);
  await page.waitForURL(`${sinkUrl}/navigate`);
  expect(await page.title()).toBe('elsewhere');
  expect((await app.desk()).refusals).toEqual([]);
});
