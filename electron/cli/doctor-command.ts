import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { ControlClient } from '../core/fronts/control-client.ts';
import { systemClock } from '../core/state/system-clock.ts';
import { timestamp } from '../shared/clock.ts';
import { SallyportError } from '../shared/errors.ts';
import { exitStatus } from './failures.ts';
import { connectInstance } from './instance.ts';
import type { CliIo } from './io.ts';
import { safeJson } from './output.ts';

/** `doctor`: every hop, one JSON line each as it is found, then `{ok, failed}`; exit status 5 where something is wrong. */
export function registerDoctorCommand(program: Command, io: CliIo): void {
  program
    .command('doctor')
    .description('Check every hop, each with a fix; exit status 5 if something is wrong')
    .option('--report <file>', 'also write a report that is safe to paste in public')
    .action(async (options: { report?: string }) => {
      // Loaded where needed: it brings much that other commands do without.
      const [{ examine }, { formatReport }, { writeDurably }] = await Promise.all([
        import('../core/doctor/doctor.ts'),
        import('../core/doctor/report.ts'),
        import('../core/state/durable-file.ts'),
      ]);
      const client = await instanceIfAny(io);
      try {
        const instance = client && {
          client,
          // One that does not know the question is of another version, and that is what the doctor then says.
          version: await client.request('approvals.reach', {}).then(
            (reach) => reach.version,
            () => 'of another version',
          ),
        };
        const checks = [];
        for await (const check of examine({
          dataDir: io.dataDir(),
          version: io.version,
          clock: systemClock,
          environment: process.env,
          ...(instance ? { instance } : {}),
        })) {
          checks.push(check);
          const { detail, fix, ...rest } = check;
          io.stdout(`${safeJson({ ...rest, detail: detail.here, ...(fix ? { fix: fix.here } : {}) })}\n`);
        }
        const failed = checks.filter((check) => !check.ok).map(({ check }) => check);
        if (options.report !== undefined) {
          await writeReport(options.report, formatReport(checks, io.version, timestamp(systemClock)), writeDurably);
        }
        io.stdout(`${safeJson({ ok: failed.length === 0, failed })}\n`);
        if (failed.length > 0) io.status(exitStatus.foundWrong);
      } finally {
        client?.close();
      }
    });
}

async function instanceIfAny(io: CliIo): Promise<ControlClient | undefined> {
  try {
    return await connectInstance(io);
  } catch (error) {
    if (error instanceof SallyportError && error.code === 'no_instance') return undefined;
    throw error;
  }
}

async function writeReport(
  file: string,
  text: string,
  write: (path: string, content: string) => Promise<void>,
): Promise<void> {
  try {
    await write(resolve(file), text);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new SallyportError('file_unwritable', 'app', `The report cannot be written to ${file} (${code}).`, {
      hint: 'Name another file.',
      cause,
    });
  }
}
