import { useCallback, useMemo, useState } from 'react';
import type { ApprovalView } from '../../../electron/shared/views.ts';

/** Which prompt is in front, and what can be done about the queue. */
export interface PromptQueue {
  readonly current: ApprovalView | undefined;
  /** Counts up each time a person asks for a prompt by a click: the panel then takes the keyboard. */
  readonly take: number;
  /** Puts the prompt aside; it stays in the queue. */
  later(): void;
  /** Brings one to the front. */
  review(id: string): void;
}

/**
 * The oldest prompt that was not put aside is in front, and stays there until it is answered, even when others come: what
 * one is reading never changes by itself.
 */
export function usePromptQueue(approvals: readonly ApprovalView[]): PromptQueue {
  const [aside, setAside] = useState<ReadonlySet<string>>(new Set());
  const [chosen, setChosen] = useState<string>();
  const [take, setTake] = useState(0);
  const current = useMemo(() => {
    const wanted = approvals.find((approval) => approval.id === chosen);
    return wanted ?? approvals.find((approval) => !aside.has(approval.id));
  }, [approvals, chosen, aside]);
  const id = current?.id;
  if (id !== undefined && id !== chosen) setChosen(id);
  const later = useCallback(() => {
    if (id === undefined) return;
    setAside((before) => new Set([...before, id]));
    setChosen(undefined);
  }, [id]);
  const review = useCallback((wanted: string) => {
    setAside((before) => new Set([...before].filter((each) => each !== wanted)));
    setChosen(wanted);
    setTake((count) => count + 1);
  }, []);
  return { current, take, later, review };
}
