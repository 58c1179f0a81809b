import { useCallback, useEffect, useRef, useState } from 'react';
import { asSallyportError, type SallyportError } from '../../electron/shared/errors.ts';

/** One thing that a person can start: whether it runs, and how it failed last. */
export interface Action<Args extends readonly unknown[]> {
  readonly pending: boolean;
  readonly error: SallyportError | undefined;
  /** Starts it; ignored while it runs. Failures end up in `error`. */
  start(...args: Args): void;
  clear(): void;
}

/** Wraps an asynchronous function for a button: no double starts, no unhandled rejection, the error kept for showing. */
export function useAction<Args extends readonly unknown[]>(run: (...args: Args) => Promise<unknown>): Action<Args> {
  const [pending, setPending] = useState(false);
  const [error, setError] = useState<SallyportError>();
  const latest = useRef(run);
  const running = useRef(false);
  useEffect(() => {
    latest.current = run;
  });
  const start = useCallback((...args: Args) => {
    if (running.current) return;
    running.current = true;
    setPending(true);
    setError(undefined);
    latest
      .current(...args)
      .catch((thrown: unknown) => setError(asSallyportError(thrown)))
      .finally(() => {
        running.current = false;
        setPending(false);
      });
  }, []);
  const clear = useCallback(() => setError(undefined), []);
  return { pending, error, start, clear };
}
