import { resolve } from 'node:path';
import type { Command } from 'commander';
import { writeRecording } from '../core/tunnel/connectors/anthropic/recorder.ts';
import { SallyportError } from '../shared/errors.ts';
import { usageError } from './failures.ts';
import { ask } from './instance.ts';
import type { CliIo } from './io.ts';

/** `tunnel record`: metadata of the first connections, for a report. */
export function registerRecordCommand(tunnel: Command, io: CliIo): void {
  tunnel
    .command('record')
    .description(
      'Note metadata (never content) of the next connections through Anthropic’s tunnel; save it with --save',
    )
    .option('--connections <n>', 'how many connections to note', '3')
    .option('--save <file>', 'write what was noted to a new file')
    .action(async (options: { connections: string; save?: string }) => {
      if (options.save === undefined) {
        const start = Number(options.connections);
        if (!(Number.isInteger(start) && start >= 1 && start <= 20)) throw usageError('--connections takes 1 to 20.');
        const { recording } = await ask(io, 'tunnel.record', { start });
        io.print(
          { recording },
          () => `The next ${start} connections are noted. Then: sallyport tunnel record --save FILE`,
        );
        return;
      }
      const { recording } = await ask(io, 'tunnel.record', {});
      if (!recording) {
        throw new SallyportError('nothing_recorded', 'app', 'Nothing is being recorded.', {
          hint: 'Begin with `sallyport tunnel record`.',
        });
      }
      const file = resolve(options.save);
      await writeRecording(file, recording);
      io.print(
        { file, events: recording.events.length, waitingFor: recording.waitingFor },
        () =>
          `${recording.events.length} events are in ${file}; ${recording.waitingFor} connections are still waited for.`,
      );
    });
}
