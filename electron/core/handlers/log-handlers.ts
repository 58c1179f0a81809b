import type { RequestOutput } from '../../shared/contract.ts';
import type { Handlers } from '../fronts/dispatcher.ts';
import type { RequestLog } from '../request-log/request-log.ts';
import { defaultLogLimits, type LogLimits } from '../request-log/retention.ts';
import type { Settings } from '../settings/settings.ts';

/** How much of the log the person wants kept. */
export function logLimits(settings: Settings): LogLimits {
  return settings.get().log ?? defaultLogLimits;
}

/** Requests on the request log. */
export function createLogHandlers(deps: {
  readonly log: RequestLog;
  readonly settings: Settings;
}): Pick<Handlers, 'log.list' | 'log.show' | 'log.verify' | 'log.kept' | 'log.keep'> {
  const { log, settings } = deps;
  const kept = (): RequestOutput<'log.kept'> => {
    const oldest = log.oldest();
    return { ...logLimits(settings), usedBytes: log.usedBytes(), ...(oldest === undefined ? {} : { oldest }) };
  };
  return {
    'log.list': async (query) => await log.search(query),
    'log.show': async ({ id }) => ({ row: await log.find(id) }),
    'log.verify': async () => await log.verify(),
    'log.kept': async () => kept(),
    'log.keep': async ({ days, bytes }, { front }) => {
      const before = logLimits(settings);
      const limits = { days: days ?? before.days, bytes: bytes ?? before.bytes };
      settings.update((current) => ({ ...current, log: limits }));
      log.note({
        kind: 'authority',
        message: `The log keeps ${limits.days} days and ${Math.round(limits.bytes / 1_048_576)} MiB from now on.`,
        by: front,
      });
      log.keepToLimits();
      return kept();
    },
  };
}
