import { useEffect, useState } from 'react';
import { asSallyportError, type SallyportError } from '../../../electron/shared/errors.ts';
import type { CheckView } from '../../../electron/shared/views.ts';
import { useServices } from '../../state/services.ts';

/** An examination as far as it is. */
export interface Doctor {
  readonly checks: readonly CheckView[];
  readonly done: boolean;
  /** A page that is safe to paste in public, once it is done. */
  readonly report: string | undefined;
  readonly error: SallyportError | undefined;
  /** Looks anew. */
  again(): void;
}

/** Looks at every hop when the page is opened, finding by finding. */
export function useDoctor(): Doctor {
  const { bridge } = useServices();
  const [round, setRound] = useState(0);
  const [checks, setChecks] = useState<readonly CheckView[]>([]);
  const [done, setDone] = useState(false);
  const [report, setReport] = useState<string>();
  const [error, setError] = useState<SallyportError>();
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new round looks anew.
  useEffect(() => {
    let current = true;
    setChecks([]);
    setDone(false);
    setReport(undefined);
    setError(undefined);
    const look = async (): Promise<void> => {
      let found: readonly CheckView[] = [];
      for (;;) {
        const answer = await bridge.request('doctor.look', { from: found.length });
        if (!current) return;
        found = [...found, ...answer.checks];
        setChecks(found);
        setReport(answer.report);
        if (answer.done) break;
      }
      setDone(true);
    };
    look().catch((thrown: unknown) => {
      if (current) setError(asSallyportError(thrown));
    });
    return () => {
      current = false;
    };
  }, [bridge, round]);
  return { checks, done, report, error, again: () => setRound((before) => before + 1) };
}
