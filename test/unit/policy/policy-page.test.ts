import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import * as lists from '../../../electron/core/policy/class-words.ts';
import { credentialFolders } from '../../../electron/core/policy/guarded-places.ts';
import { plainMethods } from '../../../electron/core/policy/judges.ts';
import { harmlessFunctions } from '../../../electron/core/policy/sql/select-only.ts';

const page = readFileSync(join(import.meta.dirname, '../../../docs/policy.md'), 'utf8');

it('docs/policy.md prints every list that the rules go by', () => {
  for (const [name, words] of Object.entries(lists)) {
    expect(page, `the list ${name} is not as in the code`).toContain(`**${name}**: ${[...words].join(' ')}\n`);
  }
  expect(page).toContain(`**harmlessFunctions**: ${[...harmlessFunctions].join(' ')}\n`);
  for (const place of [...credentialFolders, ...plainMethods]) expect(page).toContain(`\`${place}\``);
});
