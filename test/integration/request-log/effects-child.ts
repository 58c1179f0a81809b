import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { createRequestLog } from '../../../electron/core/request-log/create-request-log.ts';
import { systemClock } from '../../../electron/core/state/system-clock.ts';
import { allow, askFirst, callOf } from '../../unit/request-log/calls.ts';
import { keysIn } from './log-keys-file.ts';

// Runs calls whose effect is a line in a file, as the gateway would: decided, answered, carried out, completed. Until it is killed.
const [folder = '', prefix = ''] = process.argv.slice(2);
const limits = { days: 90, bytes: 1_048_576 };
const log = createRequestLog({
  path: join(folder, 'log.db'),
  clock: systemClock,
  keys: keysIn(folder),
  limits: () => limits,
  version: '1',
});
const args = { text: 'x'.repeat(1_500) };
for (let at = 0; ; at += 1) {
  const id = `${prefix}-${at}`;
  const judged = log.decided(callOf(id, { args }), at % 2 === 0 ? { ...askFirst, class: 'effect' } : allow);
  const decided =
    judged.decision.effect === 'ask'
      ? log.answered(judged, { outcome: 'allowed', by: 'test', after: 1 })
      : log.permit(judged);
  if (!decided) continue;
  appendFileSync(join(folder, 'effects'), `${id}\n`);
  log.completed(decided, { outcome: 'ran', bytesOut: 1 });
  if (at % 300 === 299) log.keepToLimits();
  if (at % 20 === 0) {
    process.stdout.write(`${at}\n`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}
