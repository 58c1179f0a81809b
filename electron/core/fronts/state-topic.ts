import type { AppState, EventPayload } from '../../shared/contract.ts';

/** One message of the topic `state`. */
export type StateMessage = EventPayload<'state'>;

/** Turns the app's state into revisions: whole once, then the slices that changed. */
export interface StateTopic {
  /**
   * The step to the next revision, `undefined` if nothing that is shown changed: a patch of whole slices, or the whole
   * state where a slice went away, since JSON cannot say that in a patch.
   */
  update(state: AppState): StateMessage | undefined;
  /** The state of the last {@link update}, whole, with its revision. */
  snapshot(): StateMessage;
}

/** Makes the topic, at revision 1. */
export function createStateTopic(first: AppState): StateTopic {
  let rev = 1;
  let current = first;
  let texts = textsOf(first);
  return {
    update(state) {
      const next = textsOf(state);
      const patch: Partial<AppState> = Object.fromEntries(
        Object.entries(state).filter(([name]) => next.get(name) !== texts.get(name)),
      );
      const gone = [...texts.keys()].some((name) => !next.has(name));
      if (Object.keys(patch).length === 0 && !gone) return undefined;
      rev += 1;
      current = state;
      texts = next;
      return gone ? { rev, state } : { rev, patch };
    },
    snapshot: () => ({ rev, state: current }),
  };
}

function textsOf(state: AppState): Map<string, string> {
  const texts = new Map<string, string>();
  for (const [name, value] of Object.entries(state)) if (value !== undefined) texts.set(name, JSON.stringify(value));
  return texts;
}
