import { type Clock, timestamp } from '../../../shared/clock.ts';
import { SallyportError } from '../../../shared/errors.ts';
import type { ConnectorStatus } from './connector.ts';

/**
 * How the way stands, from polls and from what became of commands: a poll that is answered says nothing of calls that all
 * fail (`users.md`, tunnel-client #46).
 */
export interface OpenAiHealth {
  status(): ConnectorStatus;
  /** A poll was answered as it should be. */
  pollWorked(): void;
  pollFailed(problem: SallyportError): void;
  /** A command was answered and the answer got through, or it did not. @param why absent where it worked */
  commandEnded(why?: string): void;
  off(): void;
  onChange(listener: () => void): () => void;
}

/** A service that restarts is back within a second; what concerns the key or the tunnel is said at once. */
const patience: Readonly<Record<string, number>> = {
  openai_unreachable: 2,
  openai_unavailable: 2,
  openai_answer_invalid: 2,
  openai_rate_limited: 3,
};
/** Failed commands in a row that are more than bad luck. */
const failuresThatTell = 2;

/** Makes it. @param host of the control plane, as people know it */
export function createOpenAiHealth(clock: Clock, host: string): OpenAiHealth {
  const listeners = new Set<() => void>();
  let upSince: string | undefined;
  let pollProblem: SallyportError | undefined;
  let pollFailures = 0;
  let commandFailures = 0;
  let lastFailure: string | undefined;
  let stopped = false;
  let told = '';

  const problem = (): SallyportError | undefined => {
    if (pollProblem) return pollFailures >= (patience[pollProblem.code] ?? 1) ? pollProblem : undefined;
    if (commandFailures < failuresThatTell) return undefined;
    const text = `The last ${commandFailures} calls all failed. ${lastFailure ?? ''}`.trim();
    return new SallyportError('openai_calls_failing', 'gateway', text, {
      hint: 'See Requests for each call, and the server’s own page for its last words.',
    });
  };
  const status = (): ConnectorStatus => {
    if (stopped) return { state: 'off', connections: [] };
    const wrong = problem();
    const connections = upSince === undefined ? [] : [{ edge: host, transport: 'tls' as const, since: upSince }];
    if (wrong) return { state: 'trouble', connections: pollProblem ? [] : connections, error: wrong.toShape() };
    return { state: upSince === undefined ? 'connecting' : 'connected', connections };
  };
  const changed = (): void => {
    const now = JSON.stringify(status());
    if (now === told) return;
    told = now;
    for (const listener of [...listeners]) listener();
  };
  return {
    status,
    pollWorked() {
      pollProblem = undefined;
      pollFailures = 0;
      upSince ??= timestamp(clock);
      changed();
    },
    pollFailed(failure) {
      pollFailures = pollProblem?.code === failure.code ? pollFailures + 1 : Math.max(1, pollFailures);
      pollProblem = failure;
      if (problem()) upSince = undefined;
      changed();
    },
    commandEnded(why) {
      commandFailures = why === undefined ? 0 : commandFailures + 1;
      lastFailure = why;
      changed();
    },
    off() {
      stopped = true;
      changed();
      listeners.clear();
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
