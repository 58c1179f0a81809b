/** Limits and times of the station; milliseconds where a name ends in `Ms` (`design.md` §3, §7). */
export interface ServerLimits {
  /** Conversations open with one server. Default 8. */
  readonly perServer: number;
  /** Conversations open in all. Default 32. */
  readonly total: number;
  /** A conversation without a request for so long ends. Default 30 min. */
  readonly idleMs: number;
  /** At a limit, the conversation that is idle longest gives way once it is idle for so long. Default 60 s. */
  readonly giveWayMs: number;
  /** Time for a server to answer its handshake. Default 60 s. */
  readonly startMs: number;
  /** How long a stdio server may be silent on the era probe. Default 3 s. */
  readonly probeMs: number;
  /** A start that is held back no longer than this is waited for; otherwise refused at once. Default 5 s. */
  readonly waitForBackOffMs: number;
}

/** See {@link ServerLimits}. */
export const defaultLimits: ServerLimits = {
  perServer: 8,
  total: 32,
  idleMs: 30 * 60_000,
  giveWayMs: 60_000,
  startMs: 60_000,
  probeMs: 3_000,
  waitForBackOffMs: 5_000,
};
