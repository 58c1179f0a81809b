import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '../../..');
const text = (path: string): string => readFileSync(join(root, path), 'utf8');
const files: Readonly<Record<string, string>> = {
  C: 'test/integration/openai/client-checklist.test.ts',
  E: 'test/integration/openai/eras.test.ts',
  F: 'test/integration/openai/faults.test.ts',
  R: 'test/integration/openai/restart.test.ts',
  S: 'test/integration/openai/status.test.ts',
  W: 'test/unit/openai/wire.test.ts',
};

describe('the table of the contract’s rules', () => {
  const part = text('docs/testing.md').split('## OpenAI')[1]?.split('\n## ')[0] ?? '';
  const named = [...part.matchAll(/\b([CEFRSW]) "([^"]+)"/g)].map(([, file = '', name = '']) => ({ file, name }));

  it('names a test for each rule', () => {
    const rows = part.split('\n').filter((line) => line.startsWith('| ') && !/^\| (?:rule|-)/.test(line));
    expect(rows.length).toBeGreaterThan(25);
    expect(rows.filter((row) => !/ [CEFRSW] "/.test(row))).toEqual([]);
  });

  it.each(named)('$file "$name" is there', ({ file, name }) => {
    expect(text(files[file] ?? '')).toContain(name);
  });

  it.each([
    '%d to polls',
    'late:',
    'duplicate:',
    'reordered:',
    'expired:',
    'huge:',
    'malformed:',
    'dropped connection mid-poll',
  ])('has the fault %s', (fault) => {
    expect(text(files.F ?? '')).toContain(fault);
  });
});
