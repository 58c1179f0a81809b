import { basename } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Answer, Call, Decision } from '../../shared/call.ts';
import type { Clock } from '../../shared/clock.ts';
import { SallyportError } from '../../shared/errors.ts';
import type { LogRow } from '../../shared/views.ts';
import { openDatabaseFile } from '../state/database-file.ts';
import type { LogEvent } from './chain.ts';
import { logSchema, logSchemaVersion } from './chain.ts';
import { listRows, showRow } from './log-reader.ts';
import { rowOf } from './log-rows.ts';
import { createLogWriter, cutOff, type NewEvent } from './log-writer.ts';
import { createRedactor, type Redactor } from './redact-secrets.ts';
import type { Completion, Decided, Judged, LogNote, RequestLog } from './request-log.ts';
import { storedText } from './stored-text.ts';
import { verifyChain } from './verify-chain.ts';

/** What {@link createRequestLog} needs. */
export interface RequestLogDeps {
  /** `<data>/log.db`. */
  readonly path: string;
  readonly clock: Clock;
  /** 32 bytes from secrets (`log-marker-key`), under which secrets become markers. */
  readonly markerKey: Uint8Array;
  /** Version of the app, for the entry that says it started. */
  readonly version: string;
  /** Told of what could not be written and of listeners that threw; must not throw. */
  readonly onTrouble?: (error: SallyportError) => void;
}

/** A call on its way, and how far it is. */
interface OpenCall {
  readonly call: Call;
  readonly events: LogEvent[];
  stage: 'judged' | 'forwardable' | 'stopped';
}

/**
 * Opens the log, closes what a crash left open as outcome `unknown`, and notes that the app started.
 * @throws SallyportError at hop `app`: `log_newer` (the file is left alone), `log_unwritable`
 */
export function createRequestLog(deps: RequestLogDeps): RequestLog {
  const { path, clock } = deps;
  const opened = openDatabaseFile({ path, name: 'log', schemaVersion: logSchemaVersion, schema: logSchema, clock });
  const redactor = createRedactor(deps.markerKey);
  const writer = createLogWriter(opened.database, clock);
  const listeners = new Set<(row: LogRow) => void>();
  const open = new Map<string, OpenCall>();
  const known = new WeakMap<Judged, OpenCall>();
  /** Events that could not be stored when they happened; tried again before the next one. */
  let late: { event: NewEvent; state: OpenCall | undefined }[] = [];
  let closed = false;

  const trouble = (error: unknown): void => deps.onTrouble?.(unavailable(error));
  const tell = (events: readonly LogEvent[]): void => {
    if (listeners.size === 0) return;
    const row = rowOf(events);
    for (const listener of [...listeners]) {
      try {
        listener(row);
      } catch (error) {
        trouble(error);
      }
    }
  };
  const store = (event: NewEvent, state: OpenCall | undefined): void => {
    const stored = writer.append(event);
    state?.events.push(stored);
    tell(state?.events ?? [stored]);
  };
  const flushLate = (): void => {
    for (let first = late[0]; first; first = late[0]) {
      store(first.event, first.state);
      late = late.slice(1);
    }
  };
  /** For what must not stop a call: kept for later where it cannot be written now. */
  const storeOrKeep = (event: NewEvent, state?: OpenCall): void => {
    try {
      flushLate();
      store(event, state);
    } catch (error) {
      if (late.length < 1_000) late.push({ event, state });
      trouble(error);
    }
  };
  /** For what must be on the disk before anything happens. */
  const storeOrRefuse = (event: NewEvent, state: OpenCall): void => {
    if (closed) throw unavailable('the log is closed');
    try {
      flushLate();
      store(event, state);
    } catch (error) {
      trouble(error);
      throw unavailable(error);
    }
  };
  const stateOf = (judged: Judged): OpenCall => {
    const state = known.get(judged);
    if (!state) throw new SallyportError('internal', 'app', 'A call was used that the log has not judged.');
    return state;
  };

  for (const event of writer.leftOpen()) writer.append(event);
  writer.append({ kind: 'started', message: `Sallyport ${deps.version} started.` });
  if (opened.keptAside !== undefined) {
    const message = `The request log was damaged. It was kept aside as ${basename(opened.keptAside)}; this is a new one.`;
    writer.append({ kind: 'app', message });
    deps.onTrouble?.(new SallyportError('log_damaged', 'app', message));
  }

  return {
    decided(call, decision) {
      if (open.has(call.id)) throw new SallyportError('internal', 'app', `Call ${call.id} is already under way.`);
      const state: OpenCall = { call, events: [], stage: 'judged' };
      storeOrRefuse(decidedEvent(call, decision, redactor), state);
      open.set(call.id, state);
      // The one place where a Judged is made: its event is committed.
      const judged = Object.freeze({ call, decision }) as Judged;
      known.set(judged, state);
      return judged;
    },
    permit(judged) {
      const state = stateOf(judged);
      if (judged.decision.effect !== 'allow' || state.stage !== 'judged') {
        throw new SallyportError('internal', 'app', 'This call may not run without an answer, or ran already.');
      }
      state.stage = 'forwardable';
      return judged as Decided;
    },
    answered(judged, answer) {
      const state = stateOf(judged);
      if (judged.decision.effect !== 'ask' || state.stage !== 'judged') {
        throw new SallyportError('internal', 'app', 'This call was not asked about, or is answered already.');
      }
      storeOrRefuse(answeredEvent(judged.call, answer, redactor), state);
      state.stage = answer.outcome === 'allowed' ? 'forwardable' : 'stopped';
      return state.stage === 'forwardable' ? (judged as Decided) : undefined;
    },
    completed(judged, completion) {
      const state = known.get(judged);
      if (closed || !state || !open.delete(judged.call.id)) return;
      state.stage = 'stopped';
      storeOrKeep(completedEvent(judged.call, completion, redactor), state);
    },
    note(note: LogNote) {
      if (closed) return;
      storeOrKeep({ ...note, message: redactor.text(note.message) });
    },
    list: (query) => listRows(opened.database, query),
    show: (id) => showRow(opened.database, id),
    async verify() {
      // A connection of its own: the check may take seconds, in which this one goes on writing.
      const reader = new DatabaseSync(path, { readOnly: true, timeout: 5_000 });
      try {
        return await verifyChain(reader, writer.tail());
      } finally {
        reader.close();
      }
    },
    countSince: (agent, since) => writer.countSince(agent, since),
    lastCallAt: () => writer.lastCallAt(),
    onRow(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close() {
      if (closed) return;
      for (const { call, events, stage } of open.values()) {
        storeOrKeep(cutOff(ofCall(call), stage === 'forwardable'), { call, events, stage });
      }
      open.clear();
      storeOrKeep({ kind: 'stopped', message: 'Sallyport stopped.' });
      closed = true;
      listeners.clear();
      writer.close();
    },
  };
}

function unavailable(error: unknown): SallyportError {
  const why = error instanceof Error ? error.message : String(error);
  return new SallyportError('log_unavailable', 'app', `The request log cannot be written (${why}), so nothing runs.`, {
    hint: 'Check that the disk is not full and that the data folder is writable.',
    cause: error,
  });
}

function ofCall(call: Call): { call: string; agent: string; server: string; tool?: string } {
  return {
    call: call.id,
    agent: call.agent.id,
    server: call.server,
    ...(call.name === undefined ? {} : { tool: call.name }),
  };
}

function decidedEvent(call: Call, decision: Decision, redactor: Redactor): NewEvent {
  const args = call.arguments === undefined ? undefined : storedText(call.arguments, redactor);
  const responses = call.inputResponses === undefined ? undefined : storedText(call.inputResponses, redactor);
  return {
    kind: 'decided',
    ...ofCall(call),
    decision: decision.effect,
    rule: decision.rule,
    reasons: decision.reasons.map((reason) => redactor.text(reason)),
    risk: decision.risk,
    class: decision.class,
    receivedAt: new Date(call.at).toISOString(),
    agentName: call.agent.name,
    agentSession: call.agentSession,
    method: call.method,
    era: call.era,
    digest: call.digest,
    pin: call.pin,
    bytesIn: call.bytesIn,
    argumentsText: args?.text,
    argumentsCut: args?.cut,
    inputResponsesText: responses?.text,
    inputResponsesCut: responses?.cut,
  };
}

function answeredEvent(call: Call, answer: Answer, redactor: Redactor): NewEvent {
  return {
    kind: 'answered',
    ...ofCall(call),
    decision: answer.outcome,
    by: answer.by,
    after: answer.after,
    reason: answer.reason === undefined ? undefined : redactor.text(answer.reason),
    retryAfterMs: answer.retryAfterMs,
  };
}

function completedEvent(call: Call, completion: Completion, redactor: Redactor): NewEvent {
  const result = completion.result === undefined ? undefined : storedText(completion.result, redactor);
  return {
    kind: 'completed',
    ...ofCall(call),
    decision: completion.outcome,
    resultText: result?.text,
    resultCut: result?.cut,
    error: completion.error === undefined ? undefined : redactor.text(completion.error),
    ms: completion.ms,
    bytesOut: completion.bytesOut,
  };
}
