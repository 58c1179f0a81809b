import { configDefaults, defineConfig } from 'vitest/config';

/**
 * The suites. `test/run.mjs` runs them one after the other and prints the seconds that each took; a suite alone is
 * `npx vitest run --project unit`. What each proves: `docs/testing.md`.
 *
 * Files named `*.long.test.ts` (soaks, long fuzz runs, conformance, the pictures, the walk under the double) are a suite of their own: `npm run test:long`.
 */
const exclude = [...configDefaults.exclude, '**/*.long.test.{ts,tsx}'];

/** What all suites share: real processes and sockets, so one process a file, on a machine with two cores. */
const common = { exclude, pool: 'forks', maxWorkers: 2 } as const;
/** Suites that drive a browser: one at a time, or they wait for each other. */
const alone = {
  exclude,
  pool: 'forks',
  maxWorkers: 1,
  maxConcurrency: 2,
  testTimeout: 60_000,
  hookTimeout: 120_000,
} as const;

export default defineConfig({
  test: {
    reporters: ['default'],
    projects: [
      { test: { ...common, name: 'unit', include: ['test/unit/**/*.test.ts'], testTimeout: 10_000 } },
      {
        test: {
          ...common,
          name: 'integration',
          include: ['test/integration/**/*.test.ts'],
          testTimeout: 20_000,
          hookTimeout: 30_000,
        },
      },
      { test: { ...common, name: 'launch', include: ['test/launch/**/*.test.ts'], testTimeout: 60_000 } },
      {
        test: {
          ...alone,
          name: 'renderer',
          include: ['test/renderer/**/*.test.{ts,tsx}'],
          globalSetup: ['test/renderer/build-once.ts'],
        },
      },
      { test: { ...alone, name: 'shell', include: ['test/{shell,electron-double}/**/*.test.ts'] } },
      { test: { ...alone, name: 'e2e', include: ['test/e2e/**/*.test.ts'] } },
      { test: { ...alone, name: 'package', include: ['test/package/**/*.test.ts'], testTimeout: 180_000 } },
      {
        test: {
          pool: 'forks',
          maxWorkers: 1,
          maxConcurrency: 2,
          name: 'long',
          include: ['test/**/*.long.test.ts'],
          globalSetup: ['test/renderer/build-once.ts'],
          testTimeout: 900_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
