import type { ApprovalView } from '../../../electron/shared/views.ts';
import { formatShortClock } from '../../format.ts';
import { texts } from '../../texts.ts';

/** What an answer covers. */
export type Scope = ApprovalView['remember']['scopes'][number];
/** For how long it is remembered. */
export type Duration = ApprovalView['remember']['durations'][number];
/** What the second button would remember. */
export interface Remember {
  readonly scope: Scope;
  readonly duration: Duration;
}

/** The scopes and durations that make a memory; `call` and `once` are the plain *Allow once*. */
export function rememberOptions(approval: ApprovalView): { scopes: Scope[]; durations: Duration[] } {
  return {
    scopes: approval.remember.scopes.filter((scope) => scope !== 'call'),
    durations: approval.remember.durations.filter((duration) => duration !== 'once'),
  };
}

/** The narrowest useful memory: these arguments, until the agent's session ends. `undefined` where nothing may be kept. */
export function rememberDefault(approval: ApprovalView): Remember | undefined {
  const { scopes, durations } = rememberOptions(approval);
  const scope = scopes.includes('arguments') ? 'arguments' : scopes[0];
  const duration = durations.includes('session') ? 'session' : durations[0];
  return scope && duration ? { scope, duration } : undefined;
}

/** The button spells out what it would remember. */
export function rememberWords(tool: string, remember: Remember, now: number): string {
  const until =
    remember.duration === '15m'
      ? texts.prompt.until15(formatShortClock(now + 15 * 60_000))
      : texts.prompt.durations[remember.duration];
  return texts.prompt.allowRemember(tool, remember.scope, until);
}
