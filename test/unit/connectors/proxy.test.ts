import { describe, expect, test } from 'vitest';
import { readNetwork } from '../../../electron/core/tunnel/connectors/network.ts';
import { parseProxy, proxyFor, proxyRuleOf } from '../../../electron/core/tunnel/connectors/proxy.ts';

const target = { host: 'edge.example.com', port: 443 };
const proxied = { HTTPS_PROXY: 'http://proxy.test:3128' };

test.each([
  ['http://proxy.test:3128', { host: 'proxy.test', port: 3_128, secure: false }],
  ['https://proxy.test', { host: 'proxy.test', port: 443, secure: true }],
  ['proxy.test:8080', { host: 'proxy.test', port: 8_080, secure: false }],
  ['http://[2001:db8::1]:80', { host: '2001:db8::1', port: 80, secure: false }],
])('%s', (text, expected) => {
  expect(parseProxy(text, 'HTTPS_PROXY')).toEqual(expected);
});

test('credentials are decoded and never part of an error', () => {
  const { authorization } = parseProxy('http://us%40er:p%3Ass%@proxy.test', 'HTTPS_PROXY');
  expect(Buffer.from(authorization?.slice(6) ?? '', 'base64').toString()).toBe('us@er:p%3Ass%');
  expect(() => parseProxy('socks5://user:secret-word@proxy.test', 'ALL_PROXY')).toThrow(
    expect.objectContaining({ code: 'proxy_invalid', message: expect.not.stringContaining('secret-word') }),
  );
  expect(() => parseProxy('http://', 'HTTPS_PROXY')).toThrow(expect.objectContaining({ code: 'proxy_invalid' }));
});

describe('NO_PROXY', () => {
  test.each([
    ['', false],
    ['*', true],
    ['example.com', true],
    ['.example.com', true],
    ['*.example.com', true],
    ['EDGE.example.com', true],
    ['ample.com', false],
    ['other.com, edge.example.com:443', true],
    ['edge.example.com:8443', false],
  ])('%s', (list, direct) => {
    expect(proxyFor(target, proxyRuleOf({ ...proxied, NO_PROXY: list })) === undefined).toBe(direct);
  });
  test.each([
    ['192.0.2.7', '192.0.2.0/24', true],
    ['192.0.3.7', '192.0.2.0/24', false],
    ['192.0.2.7', '192.0.2.7', true],
    ['2001:db8::7', '2001:db8::/32', true],
    ['2001:db8::7', '[2001:db8::7]:443', true],
    ['2001:db8::7', '2001:db8::7', true],
  ])('%s by %s', (host, list, direct) => {
    expect(proxyFor({ host, port: 443 }, proxyRuleOf({ ...proxied, no_proxy: list })) === undefined).toBe(direct);
  });
});

test('lower case first, ALL_PROXY last, loopback never', () => {
  const environment = { ...proxied, https_proxy: 'http://lower.test', ALL_PROXY: 'http://all.test' };
  expect(proxyFor(target, proxyRuleOf(environment))?.host).toBe('lower.test');
  expect(proxyFor(target, proxyRuleOf({ ALL_PROXY: 'http://all.test' }))?.host).toBe('all.test');
  expect(proxyFor(target, proxyRuleOf({}))).toBeUndefined();
  for (const host of ['localhost', 'box.localhost', '127.0.0.1', '::1']) {
    expect(proxyFor({ host, port: 443 }, proxyRuleOf(proxied))).toBeUndefined();
  }
});

test('settings go before the environment, each part by itself', () => {
  const env = { HTTPS_PROXY: 'http://env.test:1', NO_PROXY: 'near.test' };
  const via = (chosen: Parameters<typeof readNetwork>[1], host = 'far.test', credentials?: string) =>
    readNetwork(env, chosen, credentials).proxyFor({ host, port: 443 });
  expect(via({})?.host).toBe('env.test');
  expect(via({}, 'near.test')).toBeUndefined();
  expect(via({ proxy: 'http://own.test:2' })).toMatchObject({ host: 'own.test', port: 2 });
  expect(via({ proxy: 'http://own.test:2' }, 'near.test')).toBeUndefined();
  expect(via({ proxy: 'http://own.test:2', noProxy: '' }, 'near.test')?.host).toBe('own.test');
  expect(via({ noProxy: 'far.test' })).toBeUndefined();
  expect(via({ proxy: 'direct' })).toBeUndefined();
  expect(via({ proxy: 'http://own.test:2' }, 'far.test', 'ana:é')?.authorization).toBe(
    `Basic ${Buffer.from('ana:é').toString('base64')}`,
  );
  // The credentials of one proxy never go to another.
  expect(via({}, 'far.test', 'ana:secret')?.authorization).toBeUndefined();
});
