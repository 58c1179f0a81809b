import { useEffect, useId, useSyncExternalStore } from 'react';

/**
 * Which sheets are open, the newest last. They are not `showModal()` dialogs: those make everything else inert, the
 * prompt and its announcement too, and a question that nobody can hear or answer while a sheet is open is none.
 */
let open: readonly string[] = [];
const listeners = new Set<() => void>();

function change(next: readonly string[]): void {
  open = next;
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Puts a sheet on the stack for as long as it is drawn; true while it is the uppermost. */
export function useModal(): boolean {
  const id = useId();
  useEffect(() => {
    change([...open, id]);
    return () => change(open.filter((each) => each !== id));
  }, [id]);
  return useSyncExternalStore(subscribe, () => open.at(-1) === id || !open.includes(id));
}

/** Whether a sheet is open: what lies behind is then inert. */
export function useModalOpen(): boolean {
  return useSyncExternalStore(subscribe, () => open.length > 0);
}
