import { type Clock, timestamp } from '../../shared/clock.ts';

/** Somebody who calls where the person relies on a way's own access control: nothing of what it says of itself was verified. */
export interface UnverifiedAgent {
  readonly id: string;
  readonly name: string;
  /** Slugs of the servers it reached. */
  readonly servers: readonly string[];
  readonly lastSeenAt: string;
}

/** Who came without anything that could be verified, since the app was started. */
export interface UnverifiedAgents {
  saw(agent: { readonly id: string; readonly name: string }, server: string): void;
  /** Newest first. */
  list(): readonly UnverifiedAgent[];
}

const most = 64;

/** Makes the list. Where it is full, whoever was silent longest leaves it. */
export function createUnverifiedAgents(clock: Pick<Clock, 'now'>): UnverifiedAgents {
  const known = new Map<string, UnverifiedAgent>();
  return {
    saw({ id, name }, server) {
      const servers = new Set([...(known.get(id)?.servers ?? []), server]);
      known.delete(id);
      known.set(id, { id, name, servers: [...servers], lastSeenAt: timestamp(clock) });
      const [oldest] = known.keys();
      if (known.size > most && oldest !== undefined) known.delete(oldest);
    },
    list: () => [...known.values()].reverse(),
  };
}
