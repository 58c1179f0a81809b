import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { serveEverything } from '../fixtures/conformance/everything-http.ts';
import { openRoad, type Road } from './road.ts';
import { counted, differences, type RequirementSet, requirementSets, runSuite, type SuiteReport } from './suite.ts';

/** What differs and stays, each with its reason in docs/conformance.md. What no longer differs must leave this list. */
const accepted: Readonly<Record<'http' | 'stdio', Readonly<Record<RequirementSet, readonly string[]>>>> = {
  http: { '2025-11-25': [], '2026-07-28': [] },
  stdio: {
    '2025-11-25': [
      'server-sse-polling: incoming-response (2)',
      'server-sse-polling: incoming-sse-event (3)',
      'server-sse-polling: outgoing-request (2)',
      'server-sse-polling: server-sse-disconnect-resume',
    ],
    '2026-07-28': [],
  },
};
const stdio = join(import.meta.dirname, '../fixtures/conformance/everything-stdio.ts');

describe('the public conformance suite', () => {
  let server: Awaited<ReturnType<typeof serveEverything>>;
  const direct = new Map<RequirementSet, SuiteReport>();
  beforeAll(async () => {
    server = await serveEverything();
  });
  afterAll(() => server.close());

  it.each(requirementSets)('passes every required scenario directly (%s)', async (set) => {
    const report = await runSuite(server.url, set);
    direct.set(set, report);
    console.info(`direct ${set}: ${counted(report)}`);
    expect(report.checks.size).toBeGreaterThan(50);
    expect(report.status, report.output.slice(-2_000)).toBe(0);
  });

  for (const kind of ['http', 'stdio'] as const) {
    describe(`through the whole road, the server over ${kind}`, () => {
      let road: Road;
      beforeAll(async () => {
        road =
          kind === 'http'
            ? await openRoad('--url', server.url)
            : await openRoad('--command', process.execPath, '--arg', stdio);
      });
      afterAll(() => road?.close());

      it.each(requirementSets)('says the same as directly, check by check (%s)', async (set) => {
        const expected = direct.get(set);
        if (!expected) throw new Error('the direct run is missing');
        const report = await runSuite(road.url, set);
        console.info(`through ${kind} ${set}: ${counted(report)}`);
        const different = differences(expected, report);
        if (different.length > 0) console.table(different);
        const left = different.map(({ check }) => check);
        expect(left.sort()).toEqual([...accepted[kind][set]].sort());
        expect(report.status).toBe(0);
      });
    });
  }
});
