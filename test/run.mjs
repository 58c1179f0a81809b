import { spawn } from 'node:child_process';
import { existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildIfStale } from '../electron/launch/build-if-stale.mjs';
import { provideChromium } from './chromium.mjs';

/**
 * Runs every suite and ends with `N passed, N failed`.
 *
 *   node test/run.mjs            all suites but the long one
 *   node test/run.mjs unit e2e   these suites
 *   node test/run.mjs long       soaks, long fuzz runs and conformance (`*.long.test.ts`)
 *   node test/run.mjs --bench    the benchmarks, one after the other
 */

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const suites = ['unit', 'integration', 'launch', 'renderer', 'shell', 'e2e', 'package'];
/** Suites that start the built app or drive a browser. */
const needsBuild = new Set(['integration', 'launch', 'renderer', 'shell', 'e2e', 'package', 'long']);
const needsChromium = new Set(['renderer', 'shell', 'e2e', 'long']);

const options = process.argv.slice(2);
const chosen = options.filter((option) => !option.startsWith('--'));
const unknown = [
  ...chosen.filter((name) => ![...suites, 'long'].includes(name)),
  ...options.filter((option) => option.startsWith('--') && option !== '--bench'),
];
if (unknown.length > 0) {
  console.error(`Unknown: ${unknown.join(', ')}. Suites are ${suites.join(', ')} and long; the option is --bench.`);
  process.exit(2);
}

process.exitCode = options.includes('--bench') ? await benchmarks() : await tests();

async function tests() {
  const running = chosen.length > 0 ? [...suites, 'long'].filter((suite) => chosen.includes(suite)) : suites;
  const env = { ...process.env };
  try {
    if (running.some((suite) => needsChromium.has(suite))) env.CHROMIUM = provideChromium((line) => console.log(line));
    if (running.some((suite) => needsBuild.has(suite))) await buildIfStale({ root, say: (line) => console.log(line) });
  } catch (error) {
    console.error(`\n${error.message}\n\n0 passed, 1 failed`);
    return 1;
  }
  const results = [];
  for (const suite of running) {
    if (globSync(filesOf(suite), { cwd: root }).length === 0) {
      console.error(`The suite ${suite} has no test file.`);
      results.push({ suite, passed: 0, failed: 1, seconds: 0 });
      continue;
    }
    results.push(await runSuite(suite, env));
  }
  console.log('\nsuite            passed  failed   seconds');
  for (const { suite, passed, failed, seconds } of results) {
    console.log(
      `${suite.padEnd(14)} ${String(passed).padStart(8)} ${String(failed).padStart(7)} ${seconds.toFixed(1).padStart(9)}`,
    );
  }
  const passed = results.reduce((sum, result) => sum + result.passed, 0);
  const failed = results.reduce((sum, result) => sum + result.failed, 0);
  console.log(`\n${passed} passed, ${failed} failed`);
  return failed > 0 || passed === 0 ? 1 : 0;
}

function filesOf(suite) {
  if (suite === 'long') return 'test/**/*.long.test.ts';
  return `test/${suite === 'shell' ? '{shell,electron-double}' : suite}/**/*.test.{ts,tsx}`;
}

/** Runs one suite in a process of its own; a suite that could not be read, or that skipped a test, counts as failed. */
async function runSuite(suite, env) {
  console.log(`\n── ${suite} ──`);
  const artifacts = join(root, 'test/.artifacts');
  mkdirSync(artifacts, { recursive: true });
  const folder = mkdtempSync(join(artifacts, 'run-'));
  const report = join(folder, `${suite}.json`);
  const vitest = join(dirname(createRequire(import.meta.url).resolve('vitest/package.json')), 'vitest.mjs');
  const args = ['run', '--project', suite, '--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const start = performance.now();
  const status = await runToEnd([vitest, ...args], env);
  const seconds = (performance.now() - start) / 1_000;
  let counts = { numPassedTests: 0, numFailedTests: 0, testResults: [] };
  if (existsSync(report)) counts = JSON.parse(readFileSync(report, 'utf8'));
  rmSync(folder, { recursive: true, force: true });
  const unrun = counts.testResults
    .flatMap((file) => file.assertionResults)
    .filter(({ status }) => !['passed', 'failed'].includes(status))
    .map(({ fullName }) => fullName);
  // The project must not need other languages: what only a second judge in one of them checks says so in its name.
  const excused = unrun.filter((name) =>
    /\(skipped: no (python3|openssl|sshd|pebble|cloudflared|bwrap) here\)/.test(name),
  );
  for (const name of excused) console.log(`Not run: ${name}`);
  const skipped = unrun.length - excused.length;
  if (skipped > 0)
    console.error(`${skipped} tests of ${suite} were skipped; a skipped test proves nothing and counts as failed.`);
  const failed = counts.numFailedTests + skipped;
  return { suite, passed: counts.numPassedTests, failed: status === 0 ? failed : Math.max(1, failed), seconds };
}

async function benchmarks() {
  const files = globSync('test/bench/*.bench.ts', { cwd: root }).sort();
  if (files.length === 0) {
    console.error('There is no benchmark in test/bench.');
    return 1;
  }
  await buildIfStale({ root, say: (line) => console.log(line) });
  let failed = 0;
  for (const file of files) {
    console.log(`\n── ${file} ──`);
    if ((await runToEnd([join(root, file)], process.env)) !== 0) failed += 1;
  }
  console.log(`\n${files.length - failed} passed, ${failed} failed`);
  return failed > 0 ? 1 : 0;
}

function runToEnd(args, env) {
  return new Promise((done) => {
    const child = spawn(process.execPath, args, { cwd: root, env, stdio: 'inherit' });
    for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => child.kill(signal));
    child.once('error', (error) => {
      console.error(error.message);
      done(1);
    });
    child.once('exit', (code, signal) => done(signal ? 1 : code));
  });
}
