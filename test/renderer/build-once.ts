import type { TestProject } from 'vitest/node';
import { buildRenderer } from './build-renderer.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Folder of the pages, built once for all files of the suite. */
    rendererRoot: string;
  }
}

/** Builds the pages once before the renderer suite. @returns removes them */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const built = await buildRenderer();
  project.provide('rendererRoot', built.root);
  return built.remove;
}
