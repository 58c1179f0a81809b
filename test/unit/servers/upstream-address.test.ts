import { expect, it } from 'vitest';
import { pinAddress, reachOf } from '../../../electron/core/servers/http/upstream-address.ts';

it.each([
  ['127.0.0.1', 'machine'],
  ['127.9.9.9', 'machine'],
  ['::1', 'machine'],
  ['::ffff:127.0.0.1', 'machine'],
  ['10.1.2.3', 'private'],
  ['192.168.0.9', 'private'],
  ['100.101.1.1', 'private'],
  ['fd00::1', 'private'],
  ['::ffff:10.0.0.1', 'private'],
  ['64:ff9b::a00:1', 'private'],
  ['64:ff9b::808:808', 'public'],
  ['203.0.114.1', 'public'],
  ['2606:4700::1', 'public'],
  // Cloud metadata services, and what no server is reached at.
  ['169.254.169.254', undefined],
  ['::ffff:169.254.169.254', undefined],
  ['64:ff9b::a9fe:a9fe', undefined],
  ['fe80::1', undefined],
  ['0.0.0.0', undefined],
  ['::', undefined],
  ['224.0.0.1', undefined],
  ['255.255.255.255', undefined],
  ['240.0.0.1', undefined],
  ['not an address', undefined],
])('%s lies %s', (address, reach) => {
  expect(reachOf(address)).toBe(reach);
});

/** What connecting to `url` comes to where every name leads to `addresses`. */
function connect(url: string, addresses: string[]): Promise<string> {
  const pinned = pinAddress(new URL(url), 'notes', {
    lookup: ((_host: string, _options: unknown, done: (error: null, found: unknown) => void) =>
      done(
        null,
        addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
      )) as never,
  });
  return new Promise((resolve) =>
    pinned.lookup('name.test', { all: false }, (error, address) => resolve(error ? error.message : String(address))),
  );
}

it('plain http goes to this machine and to private networks only', async () => {
  expect(await connect('http://nas.test/mcp', ['192.168.1.9'])).toBe('192.168.1.9');
  expect(await connect('http://nas.test/mcp', ['127.0.0.1'])).toBe('127.0.0.1');
  expect(await connect('http://nas.test/mcp', ['203.0.114.1'])).toMatch(/public internet/);
  expect(await connect('http://nas.test/mcp', ['192.168.1.9', '203.0.114.1'])).toMatch(/public internet/);
  expect(await connect('https://nas.test/mcp', ['203.0.114.1'])).toBe('203.0.114.1');
  expect(await connect('http://localhost/mcp', ['192.168.1.9'])).toMatch(/not this machine/);
  expect(() => pinAddress(new URL('http://203.0.114.1/'), 'notes', {})).toThrow(/no address of a server/);
  expect(() => pinAddress(new URL('http://169.254.169.254/'), 'notes', {})).toThrow(/no address of a server/);
});
