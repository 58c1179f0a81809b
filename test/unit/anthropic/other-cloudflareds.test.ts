import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { otherCloudflareds } from '../../../electron/core/tunnel/connectors/anthropic/cloudflared/other-cloudflareds.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sallyport-others-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** A process as Linux tells of it. */
async function running(pid: number, name: string, parent: number): Promise<void> {
  await mkdir(join(folder, 'proc', String(pid)), { recursive: true });
  await writeFile(join(folder, 'proc', String(pid), 'stat'), `${pid} (${name}) S ${parent} ${pid} ${pid} 0 -1`);
}

test('a cloudflared that somebody else started is named, and what it may take', async () => {
  await running(1, 'init', 0);
  await running(4_000_001, 'cloudflared', 1);
  await running(4_000_002, 'cloudflared) S 1 (no', 1);
  const words = await otherCloudflareds(folder, join(folder, 'proc'));
  expect(words).toHaveLength(1);
  expect(words[0]).toMatch(/^Another cloudflared runs here \(process 4000001\).*part of the requests go to it/);
});

test('our own, and what runs below it, is not', async () => {
  await running(process.pid, 'node', 1);
  await running(4_000_001, 'bwrap', process.pid);
  await running(4_000_002, 'cloudflared', 4_000_001);
  expect(await otherCloudflareds(folder, join(folder, 'proc'))).toEqual([]);
});

test('a configuration of the person’s own is named', async () => {
  await mkdir(join(folder, '.cloudflared'));
  await writeFile(join(folder, '.cloudflared/config.yml'), 'tunnel: mine\n');
  expect(await otherCloudflareds(folder, join(folder, 'none'))).toEqual([
    `${join(folder, '.cloudflared/config.yml')} is not used: this cloudflared runs with a configuration of its own.`,
  ]);
});
