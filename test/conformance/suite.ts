import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as z from 'zod';

const command = join(import.meta.dirname, '../../node_modules/@modelcontextprotocol/conformance/dist/index.js');
/** The requirement sets that are run. */
export const requirementSets = ['2025-11-25', '2026-07-28'] as const;
/** See {@link requirementSets}. */
export type RequirementSet = (typeof requirementSets)[number];

/** What the suite said of one server. */
export interface SuiteReport {
  /** 0 where every required scenario passed. */
  readonly status: number | null;
  /** Status by `scenario: check`, and the suite's words for what is no success. */
  readonly checks: ReadonlyMap<string, { readonly status: string; readonly why: string }>;
  readonly output: string;
}

const checkSchema = z.array(z.object({ id: z.string(), status: z.string(), errorMessage: z.string().optional() }));

/** Runs one requirement set of the public suite against a URL. */
export async function runSuite(url: string, set: RequirementSet): Promise<SuiteReport> {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-conformance-'));
  try {
    const child = spawn(process.execPath, [command, 'server', '--url', url, '--requirements', set, '-o', folder], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text;
      });
    }
    const [status] = (await once(child, 'close')) as [number | null];
    const checks = new Map<string, { status: string; why: string }>();
    for (const name of (await readdir(folder)).sort()) {
      const scenario = /^server-(.*)-\d{4}-\d{2}-\d{2}T[\d-]+Z$/.exec(name)?.[1];
      if (scenario === undefined) continue;
      const seen = new Map<string, number>();
      for (const check of checkSchema.parse(JSON.parse(await readFile(join(folder, name, 'checks.json'), 'utf8')))) {
        const count = (seen.get(check.id) ?? 0) + 1;
        seen.set(check.id, count);
        const key = `${scenario}: ${check.id}${count > 1 ? ` (${count})` : ''}`;
        checks.set(key, { status: check.status, why: check.errorMessage ?? '' });
      }
    }
    return { status, checks, output };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** One check that went otherwise through the road than directly. */
export interface Difference {
  readonly check: string;
  readonly direct: string;
  readonly through: string;
  readonly why: string;
}

/** Compares check by check. */
export function differences(direct: SuiteReport, through: SuiteReport): Difference[] {
  const all = [...new Set([...direct.checks.keys(), ...through.checks.keys()])];
  return all.flatMap((check) => {
    const [one, other] = [direct.checks.get(check), through.checks.get(check)];
    if (one?.status === other?.status) return [];
    const why = other?.why || one?.why || '';
    return [{ check, direct: one?.status ?? 'absent', through: other?.status ?? 'absent', why }];
  });
}

/** Passed and failed checks of a report, in words. */
export function counted({ checks }: SuiteReport): string {
  const of = (status: string): number => [...checks.values()].filter((check) => check.status === status).length;
  return `${of('SUCCESS')} passed, ${of('FAILURE')} failed, ${of('WARNING')} warnings`;
}
