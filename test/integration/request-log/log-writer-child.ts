import { createRequestLog } from '../../../electron/core/request-log/create-request-log.ts';
import { systemClock } from '../../../electron/core/state/system-clock.ts';
import { allow, askFirst, callOf, logDeps } from '../../unit/request-log/calls.ts';

// Writes calls as fast as it can and says each one that the log acknowledged, until it is killed.
const [path = '', prefix = ''] = process.argv.slice(2);
const log = createRequestLog({ path, clock: systemClock, ...logDeps() });
const write = (line: string): void => void process.stdout.write(`${line}\n`);
for (let at = 0; ; at += 1) {
  const id = `${prefix}-${at}`;
  const judged = log.decided(callOf(id), at % 4 === 0 ? askFirst : allow);
  write(`decided ${id}`);
  if (judged.decision.effect === 'ask') continue;
  log.permit(judged);
  if (at % 4 === 1) continue;
  log.completed(judged, { outcome: 'ran', bytesOut: 1 });
  write(`completed ${id}`);
  if (at % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
}
