import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { writableProgramIds } from '../../../electron/shared/programs.ts';
import { connectable } from '../../../renderer/features/servers/connect-steps.ts';

const folder = join(import.meta.dirname, '../../../docs/connect');
const overview = readFileSync(join(folder, 'README.md'), 'utf8');

test.each([...connectable.filter((one) => one !== 'others'), 'inspector'])(
  '%s has a page with what to click or paste, and a row that leads to it',
  (client) => {
    const page = join(folder, `${client}.md`);
    expect(existsSync(page)).toBe(true);
    const text = readFileSync(page, 'utf8');
    expect(text).toMatch(/^1\. |```/m);
    expect(overview).toContain(`(${client}.md)`);
  },
);

test('the overview names every program whose file Sallyport writes', () => {
  for (const program of writableProgramIds) expect(overview).toContain(`\`${program}\``);
});
