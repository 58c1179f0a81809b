import type { PresenceView } from './views.ts';

/** What happened while the person was away, in one sentence: `6 calls ran, 3 wait for you, 1 expired`. */
export function awayWords({ ran, waiting, expired }: NonNullable<PresenceView['summary']>): string {
  const parts = [
    `${ran} ${ran === 1 ? 'call' : 'calls'} ran`,
    ...(waiting > 0 ? [`${waiting} ${waiting === 1 ? 'waits' : 'wait'} for you`] : []),
    ...(expired > 0 ? [`${expired} expired`] : []),
  ];
  return `While you were away: ${parts.join(', ')}.`;
}
