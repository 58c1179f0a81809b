import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const root = join(import.meta.dirname, '..');
const text = (path: string): string => readFileSync(join(root, path), 'utf8');

/**
 * Holds a table of `docs/testing.md` to its word: each row names tests as `X "words"`, and each of these is in the file that
 * the letter stands for.
 * @param heading start of the chapter's heading
 * @param least fewest rows that it must have
 */
export function checkNamedTests(heading: string, files: Readonly<Record<string, string>>, least: number): void {
  const part = text('docs/testing.md').split(`## ${heading}`)[1]?.split('\n## ')[0] ?? '';
  const letters = Object.keys(files).join('');
  const named = [...part.matchAll(new RegExp(`\\b([${letters}]) "([^"]+)"`, 'g'))].map(([, file = '', name = '']) => ({
    file,
    name,
  }));

  it('names a test for each row', () => {
    const rows = part
      .split('\n')
      .filter((line) => /^\| /.test(line))
      .slice(2);
    expect(rows.length).toBeGreaterThanOrEqual(least);
    expect(rows.filter((row) => !new RegExp(` [${letters}] "`).test(row))).toEqual([]);
  });

  it.each(named)('$file "$name" is there', ({ file, name }) => {
    expect(text(files[file] ?? '')).toContain(name);
  });
}
