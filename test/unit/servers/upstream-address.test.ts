import { expect, it } from 'vitest';
import { reachOf } from '../../../electron/core/servers/http/upstream-address.ts';

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
