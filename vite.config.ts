import { globSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import react from '@vitejs/plugin-react';
import { defineConfig, type EnvironmentOptions } from 'vite';

/**
 * One build, three outputs, none of which needs the Electron binary:
 *
 * - `dist/renderer/`: the page that the window and the browser show,
 * - `dist/electron/{main,headless,cli,sample-server}.js` and the workers: ES modules for Node and Electron, everything
 *   bundled but Node's own modules and `electron`,
 * - `dist/electron/preload.cjs`: one CommonJS file, since a sandboxed preload can be nothing else.
 */

const root = import.meta.dirname;

/** Entry name → source. Workers are entries too, beside the others, so that `./name.ts` next to the code becomes `./name.js`. */
const nodeEntries: Record<string, string> = {
  main: 'electron/main.ts',
  headless: 'electron/headless.ts',
  cli: 'electron/cli/main.ts',
  'sample-server': 'electron/sample-server.ts',
  ...Object.fromEntries(
    globSync('electron/{core,shell,cli}/**/*-{worker,keeper}.ts', { cwd: root }).map((file) => [
      basename(file, '.ts'),
      file,
    ]),
  ),
};

/** In KiB. Nothing of it travels over a network: a large chunk costs nobody a wait. */
const chunkSizeWarningLimit = 4_096;

const node: EnvironmentOptions = {
  consumer: 'server',
  resolve: {
    noExternal: true,
    external: ['electron'],
    conditions: ['node', 'import', 'module', 'default'],
    mainFields: ['module', 'main'],
  },
  build: {
    ssr: true,
    outDir: resolve(root, 'dist/electron'),
    // The preload is there already: it is built first.
    emptyOutDir: false,
    target: 'node22',
    minify: false,
    sourcemap: false,
    license: { fileName: 'licenses.md' },
    chunkSizeWarningLimit,
    rolldownOptions: {
      input: Object.fromEntries(Object.entries(nodeEntries).map(([name, file]) => [name, join(root, file)])),
      external: ['electron'],
      platform: 'node',
      output: {
        format: 'esm',
        // reflect-metadata must run before what needs it, also when the two land in different chunks.
        strictExecutionOrder: true,
        entryFileNames: '[name].js',
        // Beside the entries, so that import.meta.dirname is dist/electron wherever code ends up.
        chunkFileNames: '[name]-[hash].js',
      },
    },
  },
};

const preload: EnvironmentOptions = {
  consumer: 'server',
  resolve: { noExternal: true, external: ['electron'] },
  build: {
    ssr: true,
    outDir: resolve(root, 'dist/electron'),
    emptyOutDir: true,
    target: 'chrome140',
    minify: false,
    sourcemap: false,
    rolldownOptions: {
      input: { preload: join(root, 'electron/preload.ts') },
      external: ['electron'],
      platform: 'node',
      output: { format: 'cjs', entryFileNames: '[name].cjs', codeSplitting: false },
    },
  },
};

export default defineConfig({
  root: 'renderer',
  base: './',
  publicDir: false,
  plugins: [react(), workerEntries(), withoutDepd()],
  builder: {
    async buildApp(builder) {
      for (const name of ['client', 'preload', 'node']) {
        const environment = builder.environments[name];
        if (environment) await builder.build(environment);
      }
    },
  },
  environments: {
    client: {
      build: {
        outDir: resolve(root, 'dist/renderer'),
        emptyOutDir: true,
        // The page's policy allows neither inline scripts nor data: addresses.
        assetsInlineLimit: 0,
        modulePreload: { polyfill: false },
        sourcemap: false,
        target: 'es2023',
        license: { fileName: 'licenses.md' },
        chunkSizeWarningLimit,
        rolldownOptions: { input: pages() },
      },
    },
    node,
    preload,
  },
});

/** The renderer's pages: the app itself and, where it has one, the prompt window. */
function pages(): Record<string, string> {
  return Object.fromEntries(
    globSync('renderer/*.html', { cwd: root }).map((file) => [basename(file, '.html'), join(root, file)]),
  );
}

/** `new URL('./x-worker.ts', import.meta.url)` runs from source as it stands, and from the bundle as `./x-worker.js`. */
function workerEntries() {
  return {
    name: 'sallyport:worker-entries',
    applyToEnvironment: (environment: { name: string }) => environment.name === 'node',
    transform(code: string) {
      if (!code.includes('import.meta.url')) return null;
      const changed = code.replace(
        /new URL\(\s*(['"`])\.{1,2}\/(?:[\w.-]+\/)*([\w-]+-(?:worker|keeper))\.ts\1\s*,\s*import\.meta\.url\s*\)/g,
        (_all, _quote, name: string) => `new URL('./${name}.js', import.meta.url)`,
      );
      return changed === code ? null : { code: changed, map: null };
    },
  };
}

/** `depd` warns of deprecated calls inside koa's packages, and makes functions by `eval` for it: the bundle holds neither. */
function withoutDepd() {
  return {
    name: 'sallyport:without-depd',
    transform(_code: string, id: string) {
      if (!/[\\/]node_modules[\\/]depd[\\/]index\.js$/.test(id)) return null;
      const code =
        'module.exports = () => Object.assign(() => {}, { function: (wrapped) => wrapped, property: () => {} });';
      return { code, map: null };
    },
  };
}
