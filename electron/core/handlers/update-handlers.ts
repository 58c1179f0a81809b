import { SallyportError } from '../../shared/errors.ts';
import type { Updates } from '../../shared/updates.ts';
import type { Handlers } from '../fronts/dispatcher.ts';
import type { RequestLog } from '../request-log/request-log.ts';

/** Looking for updates, downloading and installing them; only where a desktop shell brings them along. */
export function createUpdateHandlers(deps: {
  readonly updates: Updates | undefined;
  readonly log: RequestLog;
}): Pick<Handlers, 'updates.do'> {
  return {
    'updates.do': async ({ do: what }, { front }) => {
      const { updates } = deps;
      if (!updates) {
        throw new SallyportError('updates_off', 'app', 'Only the desktop app updates itself.', {
          hint: 'Update this one as you installed it.',
        });
      }
      if (what === 'install') deps.log.note({ kind: 'app', message: 'An update is installed now.', by: front });
      return await updates[what]();
    },
  };
}
