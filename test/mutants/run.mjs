import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { mutants } from './mutants.mjs';

/**
 * `npm run test:mutants [CLAIM…]`: takes each control away in a copy of the tree, and fails unless the test that the claim
 * names fails then, having passed before. The checkout itself is never changed.
 */

const root = resolve(import.meta.dirname, '../..');
const wanted = process.argv.slice(2);
const chosen = mutants.filter(({ claim }) => wanted.length === 0 || wanted.some((word) => claim.includes(word)));
const copy = mkdtempSync(join(tmpdir(), 'sallyport-mutants-'));
const vitest = join(root, 'node_modules/vitest/vitest.mjs');

const runs = ({ test, name }) =>
  spawnSync(process.execPath, [vitest, 'run', test, '-t', name], { cwd: copy, encoding: 'utf8', timeout: 300_000 });

let failed = 0;
try {
  const files = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], { cwd: root });
  for (const file of files.toString('utf8').split('\0').filter(Boolean)) {
    cpSync(join(root, file), join(copy, file), { recursive: true });
  }
  // Browser suites open the built pages; a control of theirs is taken from sources that run as they are.
  if (existsSync(join(root, 'dist'))) cpSync(join(root, 'dist'), join(copy, 'dist'), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'), 'junction');

  const sound = new Map();
  for (const mutant of chosen) {
    const { claim, file, find, put, test, name } = mutant;
    const path = join(copy, file);
    const source = readFileSync(path, 'utf8');
    const say = (verdict, why) => {
      if (verdict !== 'caught') failed += 1;
      console.log(`${verdict.padEnd(8)} ${claim.padEnd(34)} ${dirname(test).split('/').pop()}: ${why}`);
    };
    if (source.split(find).length !== 2) {
      say('STALE', `the line to change does not occur exactly once in ${file}`);
      continue;
    }
    const key = `${test} ${name}`;
    if (!sound.has(key)) {
      const before = runs(mutant);
      // No test of that name: vitest would call nothing a success.
      sound.set(
        key,
        before.status === 0 && /Tests\s.*\b[1-9]\d* passed/.test(before.stdout.replaceAll(/\u001b\[\d+m/g, '')),
      );
    }
    if (!sound.get(key)) {
      say('UNSOUND', `"${name}" does not pass without the change`);
      continue;
    }
    writeFileSync(
      path,
      source.replace(find, () => put),
    );
    const after = runs(mutant);
    writeFileSync(path, source);
    if (after.status === 0) say('SURVIVED', `"${name}" passes without the control`);
    else say('caught', `"${name}"`);
  }
} finally {
  rmSync(copy, { recursive: true, force: true });
}
console.log(`\n${chosen.length - failed} passed, ${failed} failed`);
process.exitCode = failed === 0 && chosen.length > 0 ? 0 : 1;
