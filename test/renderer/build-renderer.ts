import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import process from 'node:process';
import { build } from 'vite';

/** Builds the pages as the product does, into a folder of their own. */
export async function buildRenderer(): Promise<{ root: string; remove(): Promise<void> }> {
  const root = await mkdtemp(join(tmpdir(), 'sallyport-renderer-'));
  const before = process.env.NODE_ENV;
  // Vite keeps what it finds, and a test runner's "test" would put React's development build into the pages.
  process.env.NODE_ENV = 'production';
  try {
    await build({
      configFile: resolve(import.meta.dirname, '../../vite.config.ts'),
      logLevel: 'warn',
      environments: { client: { build: { outDir: root, emptyOutDir: true } } },
    });
  } finally {
    if (before === undefined) delete process.env.NODE_ENV;
    else process.env.NODE_ENV = before;
  }
  return { root, remove: () => rm(root, { recursive: true, force: true }) };
}
