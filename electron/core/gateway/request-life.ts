/** Why a request is over before it was answered. */
export type EndReason = 'gone' | 'cancelled' | 'paused' | 'unshared' | 'revoked' | 'closed';

/** How long one request lives, seen from the agent's side. */
export interface RequestLife {
  /** Aborted as soon as nobody waits for the answer: nothing may begin to run after that (`security.md` S11). */
  readonly open: AbortSignal;
  /** Aborted when what already runs must stop too. In the legacy era a lost connection is not a cancel. */
  readonly run: AbortSignal;
  /** Set once {@link open} is aborted. */
  readonly why: EndReason | undefined;
  end(why: EndReason): void;
}

/**
 * Begins one. @param gone aborted when the client's connection or stream is lost
 * @param disconnectCancels true in the modern era (closing the stream is the cancel), false in the legacy era
 */
export function beginLife(gone: AbortSignal, disconnectCancels: boolean): RequestLife {
  const open = new AbortController();
  const run = new AbortController();
  let why: EndReason | undefined;
  const end = (reason: EndReason): void => {
    if (reason !== 'gone' || disconnectCancels) {
      if (!run.signal.aborted) why = reason;
      run.abort();
    }
    why ??= reason;
    open.abort();
  };
  if (gone.aborted) end('gone');
  else gone.addEventListener('abort', () => end('gone'), { once: true });
  return {
    open: open.signal,
    run: run.signal,
    get why() {
      return why;
    },
    end,
  };
}
