import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'vitest';
import { flood, parallel, sequential } from './floods.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sp-floods-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

// 1,000 streams that nobody reads hold a window of 256 KiB each at the edge: 250 MiB; the rest is connections.
test('5,000 connections at once, then 100 a second for a minute, and 1,000 who never read', async () => {
  await flood(folder, { atOnce: 5_000, seconds: 60, stalled: 1_000, growthMiB: 600 });
}, 240_000);

test('1,000 public connections at once', async () => {
  await parallel(folder, 1_000);
}, 120_000);

test('10,000 connections one after the other leave no memory and no handles behind', async () => {
  await sequential(10_000, 8);
}, 240_000);
