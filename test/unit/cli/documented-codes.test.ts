import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const root = join(import.meta.dirname, '../../..');

test('every error code is listed in docs/cli.md', () => {
  const documented = new Set(
    [...readFileSync(join(root, 'docs/cli.md'), 'utf8').matchAll(/`([a-z][a-z0-9_]*)`/g)].map((match) => match[1]),
  );
  const used = new Set<string>();
  for (const file of globSync('electron/{core,cli,shared,shell}/**/*.ts', { cwd: root })) {
    const source = readFileSync(join(root, file), 'utf8');
    for (const [, code = ''] of source.matchAll(/new SallyportError\(\s*'([a-z0-9_]+)'/g)) used.add(code);
  }
  expect(used.size).toBeGreaterThan(50);
  expect([...used].filter((code) => !documented.has(code) && !code.startsWith('tls_')).sort()).toEqual([]);
});
