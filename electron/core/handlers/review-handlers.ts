import type { Clock } from '../../shared/clock.ts';
import type { AppState } from '../../shared/contract.ts';
import type { LogRow } from '../../shared/views.ts';
import type { Handlers } from '../fronts/dispatcher.ts';
import type { Policy } from '../policy/policy.ts';
import type { RequestLog } from '../request-log/request-log.ts';
import type { Tunnel } from '../tunnel/tunnel.ts';
import { reviewMs, reviewOf } from './weekly-review.ts';

/** Rows looked at, at most: then the review is of the days that they cover. */
const mostRows = 20_000;
const pageRows = 1_000;

/** The weekly review; asked for by a person, never shown by itself. */
export function createReviewHandlers(deps: {
  readonly clock: Clock;
  readonly log: RequestLog;
  readonly policy: Policy;
  readonly tunnel: Tunnel;
  readonly state: () => AppState;
}): Pick<Handlers, 'review.week'> {
  const { clock, log, policy, tunnel } = deps;

  /** The newest calls, and from when on none is missing. */
  const recent = async (): Promise<{ calls: LogRow[]; from: number }> => {
    const calls: LogRow[] = [];
    const wanted = clock.now() - reviewMs;
    const oldest = log.oldest();
    let from = Math.max(wanted, oldest === undefined ? clock.now() : Date.parse(oldest));
    let before: number | undefined;
    do {
      const since = new Date(wanted).toISOString();
      const page = await log.search({ limit: pageRows, since, ...(before === undefined ? {} : { before }) });
      calls.push(...page.rows.filter(({ kind }) => kind === 'call'));
      before = page.next;
      const last = page.rows.at(-1);
      if (calls.length >= mostRows && before !== undefined && last) from = Date.parse(last.at);
    } while (before !== undefined && calls.length < mostRows);
    return { calls, from };
  };

  return {
    'review.week': async () => {
      const { servers, agents, remembered, tunnel: view } = deps.state();
      const { certificate } = view;
      return reviewOf({
        now: clock.now(),
        ...(await recent()),
        remembered,
        agents,
        servers,
        tools: policy.tools,
        rules: policy.rules().rules.map(({ id }) => id),
        certificates: [
          // The app's own renews by itself; a public one does too, and then only a failure is left to be seen.
          ...(certificate?.kind === 'public' ? [{ what: 'certificate' as const, notAfter: certificate.notAfter }] : []),
          ...(view.way === 'openai' ? [] : [{ what: 'authority' as const, notAfter: tunnel.authority().notAfter }]),
        ],
      });
    },
  };
}
