import type { Handlers } from '../fronts/dispatcher.ts';
import type { Presence } from '../presence/presence.ts';
import type { RequestLog } from '../request-log/request-log.ts';

/** Requests on whether the person is at the desk. */
export function createPresenceHandlers(deps: {
  readonly presence: Presence;
  readonly log: RequestLog;
}): Pick<Handlers, 'presence.set'> {
  const { presence, log } = deps;
  return {
    'presence.set': async ({ away, back, seen, presenting }, { front }) => {
      if (away) {
        presence.leave('hand', away.forMs);
        log.note({ kind: 'app', message: 'Away: what asks is told so at once.', by: front });
      }
      if (back) {
        presence.comeBack();
        log.note({ kind: 'app', message: 'Back at the desk.', by: front });
      }
      if (seen) presence.dismissSummary();
      if (presenting !== undefined) presence.present(presenting);
      return presence.view();
    },
  };
}
