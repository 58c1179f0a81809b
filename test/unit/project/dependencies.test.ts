import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import * as z from 'zod';

const root = resolve(import.meta.dirname, '../../..');
const manifest = z
  .object({
    dependencies: z.record(z.string(), z.string()).default({}),
    devDependencies: z.record(z.string(), z.string()),
    optionalDependencies: z.record(z.string(), z.string()),
  })
  .parse(JSON.parse(readFileSync(resolve(root, 'package.json'), 'utf8')));
const document = readFileSync(resolve(root, 'docs/dependencies.md'), 'utf8');

test('docs/dependencies.md says why for each package, and for no other', () => {
  const rows = document.split('\n').filter((line) => line.startsWith('| `'));
  const named = rows.flatMap((line) => [...(line.split('|')[1] ?? '').matchAll(/`([^`]+)`/g)].map(([, name]) => name));
  expect(named.sort()).toEqual(Object.keys(manifest.devDependencies).sort());
  for (const name of Object.keys(manifest.optionalDependencies)) expect(document).toContain(`\`${name}\``);
});

test('what Vite bundles is no dependency of the package, and versions are exact', () => {
  expect(manifest.dependencies).toEqual({});
  const versions = Object.values({ ...manifest.devDependencies, ...manifest.optionalDependencies });
  expect(versions.filter((version) => !/^\d+\.\d+\.\d+(?:-alpha\.\d+)?$/.test(version))).toEqual([]);
});
