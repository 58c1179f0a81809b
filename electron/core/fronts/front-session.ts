import type { Clock } from '../../shared/clock.ts';
import { type ClientFrame, clientFrame, type EventName, type EventPayload, events } from '../../shared/contract.ts';
import { asSallyportError, SallyportError } from '../../shared/errors.ts';
import type { LogRow } from '../../shared/views.ts';
import type { FrontConnection, RequestContext } from './dispatcher.ts';
import type { StateMessage } from './state-topic.ts';

/** One connected front. Nothing is sent to it but answers and the topics it subscribed to. */
export interface FrontSession {
  /**
   * Takes one frame as received. What is no frame of the contract is refused; where it has no id to answer to, the
   * error is thrown and the transport closes.
   * @throws SallyportError `bad_frame`
   */
  receive(frame: unknown): void;
  /** Tells that what was queued has been sent: events that waited go out. */
  drained(): void;
  close(): void;
  state(message: StateMessage): void;
  logRow(row: LogRow): void;
  approval(event: EventPayload<'approvals'>): void;
}

/** Rows are sent at the latest this long after they came. */
const batchMs = 50;
/** Rows of one message, and rows that wait while the front is slow; older ones are dropped and counted. */
const batchRows = 200;
/** Requests of one front that may be under way. */
const maxInFlight = 64;

/** Makes the session; the dispatcher feeds it. */
export function createFrontSession(deps: {
  readonly connection: FrontConnection;
  readonly request: (name: string, input: unknown, context: RequestContext) => Promise<unknown>;
  readonly snapshot: () => StateMessage;
  readonly clock: Clock;
  readonly onClose: () => void;
}): FrontSession {
  const { connection } = deps;
  const context: RequestContext = {
    front: connection.front,
    ...(connection.caller ? { caller: connection.caller } : {}),
  };
  const topics = new Set<EventName>();
  let inFlight = 0;
  let closed = false;
  let rows: LogRow[] = [];
  let dropped = 0;
  let cancelBatch: (() => void) | undefined;
  let snapshotDue = false;

  const event = <Name extends EventName>(topic: Name, payload: EventPayload<Name>): void => {
    connection.send({ type: 'event', topic, payload });
  };
  const congested = (): boolean => connection.congested?.() ?? false;
  const flushRows = (): void => {
    cancelBatch?.();
    cancelBatch = undefined;
    if (closed || rows.length === 0 || congested()) return;
    event('log', { rows, dropped });
    rows = [];
    dropped = 0;
  };
  const forget = (topic: EventName): void => {
    topics.delete(topic);
    if (topic === 'state') snapshotDue = false;
    if (topic === 'log') {
      cancelBatch?.();
      cancelBatch = undefined;
      rows = [];
      dropped = 0;
    }
  };
  const answer = async (frame: Extract<ClientFrame, { type: 'request' }>): Promise<void> => {
    inFlight += 1;
    try {
      if (inFlight > maxInFlight) {
        throw new SallyportError('too_many_requests', 'app', `More than ${maxInFlight} requests at once.`, {
          hint: 'Wait for answers before asking more.',
        });
      }
      const value = await deps.request(frame.name, frame.input, context);
      if (!closed) connection.send({ type: 'answer', id: frame.id, ok: true, value });
    } catch (error) {
      if (!closed) {
        connection.send({ type: 'failure', id: frame.id, ok: false, error: asSallyportError(error).toShape() });
      }
    } finally {
      inFlight -= 1;
    }
  };
  const subscribe = (topic: EventName): void => {
    if (topic === 'state') {
      // Taken first: it may tell the others of a change that this snapshot has already.
      const snapshot = deps.snapshot();
      topics.add(topic);
      event('state', snapshot);
    } else topics.add(topic);
  };

  return {
    receive(received) {
      if (closed) return;
      const parsed = clientFrame.safeParse(received);
      if (!parsed.success) throw new SallyportError('bad_frame', 'app', 'This is no message of the contract.');
      const frame = parsed.data;
      if (frame.type === 'request') {
        void answer(frame);
        return;
      }
      const { topic } = frame;
      if (!isTopic(topic)) throw new SallyportError('bad_frame', 'app', 'There is no such topic.');
      if (frame.type === 'subscribe') subscribe(topic);
      else forget(topic);
    },
    drained() {
      if (closed || congested()) return;
      if (snapshotDue) {
        const snapshot = deps.snapshot();
        snapshotDue = false;
        event('state', snapshot);
      }
      flushRows();
    },
    close() {
      if (closed) return;
      for (const topic of [...topics]) forget(topic);
      closed = true;
      deps.onClose();
    },
    state(message) {
      if (!topics.has('state') || snapshotDue) return;
      // A slow front gets one snapshot when it is ready again, not the patches that it missed.
      if (congested()) snapshotDue = true;
      else event('state', message);
    },
    logRow(row) {
      if (!topics.has('log')) return;
      // A row that changes while it waits is sent once, as it is then.
      const waiting = rows.findIndex((other) => other.id === row.id);
      if (waiting >= 0) rows[waiting] = row;
      else rows.push(row);
      while (rows.length > batchRows) {
        rows.shift();
        dropped += 1;
      }
      if (rows.length === batchRows) flushRows();
      else if (rows.length > 0) cancelBatch ??= deps.clock.schedule(batchMs, flushRows);
    },
    approval(payload) {
      if (topics.has('approvals')) event('approvals', payload);
    },
  };
}

function isTopic(topic: string): topic is EventName {
  return Object.hasOwn(events, topic);
}
