import type { Approvals } from '../approvals/approvals.ts';
import type { RequestLog } from '../request-log/request-log.ts';
import type { AwayFacts } from './presence.ts';

/** Counts from now on what the summary on return says. */
export function countWhileAway(log: RequestLog, approvals: Approvals): AwayFacts & { stop(): void } {
  // A row comes again each time it changes, so calls are counted by id.
  const ran = new Set<string>();
  let expired = 0;
  const stops = [
    log.onRow((row) => {
      if (row.kind === 'call' && row.outcome === 'ran') ran.add(row.id);
    }),
    approvals.onEvent(({ type, answer }) => {
      if (type === 'closed' && answer === 'expired') expired += 1;
    }),
  ];
  return {
    ran: () => ran.size,
    expired: () => expired,
    waiting: () => approvals.list().length,
    stop() {
      for (const stop of stops) stop();
    },
  };
}
