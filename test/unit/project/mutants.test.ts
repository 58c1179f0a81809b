import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { mutants } from '../../mutants/mutants.mjs';

const root = resolve(import.meta.dirname, '../../..');

test('every mutant still meets the one line that it takes away, in a file that is there, for a test that is there', () => {
  const stale = mutants.filter(({ file, find, test }) => {
    const text = existsSync(join(root, file)) ? readFileSync(join(root, file), 'utf8') : '';
    return text.split(find).length !== 2 || !existsSync(join(root, test));
  });
  expect(mutants.length).toBeGreaterThan(70);
  expect(stale.map(({ claim }) => claim)).toEqual([]);
});
