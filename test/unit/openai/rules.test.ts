import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkNamedTests } from '../../named-tests.ts';

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
  checkNamedTests('OpenAI', files, 25);

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
