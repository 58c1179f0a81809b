import type { Dispatcher } from '../core/fronts/dispatcher.ts';
import type { AppState, EventPayload, RequestInput, RequestName } from '../shared/contract.ts';

/** The shell's own front: tray and notifications follow the state and ask for what their clicks mean. */
export interface CoreSession {
  onState(listener: (state: AppState) => void): void;
  onApproval(listener: (event: EventPayload<'approvals'>) => void): void;
  /** @throws SallyportError as the core answered */
  request<Name extends RequestName>(name: Name, input: RequestInput<Name>): Promise<unknown>;
  close(): void;
}

/** Connects tray and notifications to the core, as the window they belong to. */
export function connectShell(dispatcher: Dispatcher): CoreSession {
  const stateListeners = new Set<(state: AppState) => void>();
  const approvalListeners = new Set<(event: EventPayload<'approvals'>) => void>();
  let state: AppState | undefined;

  const session = dispatcher.connect({
    front: 'window',
    send(frame) {
      if (frame.type !== 'event') return;
      if (frame.topic === 'state') {
        // The dispatcher made these payloads; in this process there is no border to parse at.
        const message = frame.payload as EventPayload<'state'>;
        if ('state' in message) state = message.state;
        else if (state) state = { ...state, ...message.patch };
        if (state) for (const listener of stateListeners) listener(state);
      } else if (frame.topic === 'approvals') {
        for (const listener of approvalListeners) listener(frame.payload as EventPayload<'approvals'>);
      }
    },
  });
  session.receive({ type: 'subscribe', topic: 'state' });
  session.receive({ type: 'subscribe', topic: 'approvals' });

  return {
    onState(listener) {
      stateListeners.add(listener);
      if (state) listener(state);
    },
    onApproval(listener) {
      approvalListeners.add(listener);
    },
    request: (name, input) => dispatcher.request(name, input, { front: 'window' }),
    close: () => session.close(),
  };
}
