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

test('a stranger who floods ends no tunnel connection and no innocent call, and memory stays bounded', async () => {
  await flood(folder, { atOnce: 1_200, seconds: 2, stalled: 100, growthMiB: 300 });
}, 60_000);

test('many public connections at once', async () => {
  await parallel(folder, 120);
}, 60_000);

test('many connections one after the other', async () => {
  await sequential(1_000, 8);
}, 60_000);
