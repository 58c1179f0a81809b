import {
  type ClientFrame,
  type ContractClient,
  type EventName,
  type EventPayload,
  events,
  type RequestInput,
  type RequestName,
  type RequestOutput,
  requests,
  serverFrame,
} from '../../shared/contract.ts';
import { SallyportError } from '../../shared/errors.ts';

/** The client half of the contract, whatever carries its frames. */
export interface FrameClient extends ContractClient {
  /**
   * Takes one frame as received.
   * @throws SallyportError `bad_frame`: the connection is of no use then
   */
  receive(frame: unknown): void;
  /** The connection is gone: every request under way fails with this. */
  fail(error: SallyportError): void;
}

/** Makes the client. @param send puts one frame on the way */
export function createFrameClient(send: (frame: ClientFrame) => void): FrameClient {
  const waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: SallyportError) => void }>();
  const listeners = new Map<EventName, Set<(payload: unknown) => void>>();
  let next = 1;
  let failure: SallyportError | undefined;

  return {
    async request<Name extends RequestName>(name: Name, input: RequestInput<Name>) {
      if (failure) throw failure;
      const id = next++;
      const value = await new Promise<unknown>((resolve, reject) => {
        waiting.set(id, { resolve, reject });
        send({ type: 'request', id, name, input });
      });
      const parsed = requests[name].output.safeParse(value);
      if (!parsed.success) throw unexpected(`the answer to ${name}`);
      // The schema of this very request made the value.
      return parsed.data as RequestOutput<Name>;
    },
    subscribe<Name extends EventName>(topic: Name, listener: (payload: EventPayload<Name>) => void) {
      const own = (payload: unknown): void => listener(payload as EventPayload<Name>);
      const known = listeners.get(topic);
      if (known) known.add(own);
      else listeners.set(topic, new Set([own]));
      if (!known) send({ type: 'subscribe', topic });
      return () => {
        const left = listeners.get(topic);
        if (!left?.delete(own) || left.size > 0) return;
        listeners.delete(topic);
        if (!failure) send({ type: 'unsubscribe', topic });
      };
    },
    receive(received) {
      const parsed = serverFrame.safeParse(received);
      if (!parsed.success) throw unexpected('a message');
      const frame = parsed.data;
      if (frame.type === 'event') {
        if (!Object.hasOwn(events, frame.topic)) return;
        const topic = frame.topic as EventName;
        const payload = events[topic].safeParse(frame.payload);
        if (!payload.success) throw unexpected(`an event of ${topic}`);
        for (const listener of [...(listeners.get(topic) ?? [])]) listener(payload.data);
        return;
      }
      const asked = waiting.get(frame.id);
      waiting.delete(frame.id);
      if (frame.type === 'answer') asked?.resolve(frame.value);
      else asked?.reject(SallyportError.fromShape(frame.error));
    },
    fail(error) {
      failure ??= error;
      for (const { reject } of waiting.values()) reject(error);
      waiting.clear();
    },
  };
}

function unexpected(what: string): SallyportError {
  return new SallyportError('bad_frame', 'app', `Sallyport sent ${what} that is not as agreed.`, {
    hint: 'The command line and the running app are of different versions: restart the app.',
  });
}
