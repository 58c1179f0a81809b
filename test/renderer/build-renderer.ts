import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { build } from 'vite';

/** Builds the pages as the product does, into a folder of their own. */
export async function buildRenderer(): Promise<{ root: string; remove(): Promise<void> }> {
  const root = await mkdtemp(join(tmpdir(), 'sallyport-renderer-'));
  await build({
    configFile: resolve(import.meta.dirname, '../../vite.config.ts'),
    logLevel: 'warn',
    environments: { client: { build: { outDir: root, emptyOutDir: true } } },
  });
  return { root, remove: () => rm(root, { recursive: true, force: true }) };
}
