import { basename } from 'node:path';
import type { Answer, Call, Decision } from '../../shared/call.ts';
import type { Clock } from '../../shared/clock.ts';
import { SallyportError } from '../../shared/errors.ts';
import type { LogRow } from '../../shared/views.ts';
import { openDatabaseFile } from '../state/database-file.ts';
import { createAnchorKeeper } from './anchor-keeper.ts';
import { verifyInWorker } from './background-verify.ts';
import type { LogEvent } from './chain.ts';
import { logSchema, logSchemaVersion, logUpgrades } from './chain.ts';
import type { LogKeys } from './log-keys.ts';
import { listRows, lowestSeq, showRow } from './log-reader.ts';
import { rowOf } from './log-rows.ts';
import { createLogWriter, cutOff, type NewEvent } from './log-writer.ts';
import { createRedactor, type Redactor } from './redact-secrets.ts';
import type { Completion, Decided, Judged, LogNote, RequestLog } from './request-log.ts';
import { createRetention, type LogLimits, type Removed } from './retention.ts';
import { keyText } from './seals.ts';
import { createLogSearch } from './search.ts';
import { storedText } from './stored-text.ts';

/** A checkpoint is signed after so many events, and after so long where there was anything new. */
const segmentEvents = 1_000;
const segmentMs = 300_000;
const retentionMs = 3_600_000;

/** What {@link createRequestLog} needs. */
export interface RequestLogDeps {
  /** `<data>/log.db`. */
  readonly path: string;
  readonly clock: Clock;
  /** From secrets: what signs, what makes markers, and what the log was when it was last signed. */
  readonly keys: LogKeys;
  /** How much is kept, read at each round of retention. */
  readonly limits: () => LogLimits;
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
  const opened = openDatabaseFile({
    path,
    name: 'log',
    schemaVersion: logSchemaVersion,
    schema: logSchema,
    upgrades: logUpgrades,
    clock,
  });
  const { keys } = deps;
  const redactor = createRedactor(keys.markerKey);
  const writer = createLogWriter(opened.database, clock, keys.sealKey);
  const retention = createRetention(opened.database, {
    clock,
    sealKey: keys.sealKey,
    onTrouble: (error) => trouble(error),
  });
  const search = createLogSearch(path);
  const anchor = createAnchorKeeper({
    keys,
    clock,
    rememberMs: () => deps.limits().days * 86_400_000,
    onTrouble: (error) => trouble(error),
  });
  const listeners = new Set<(row: LogRow) => void>();
  const open = new Map<string, OpenCall>();
  const known = new WeakMap<Judged, OpenCall>();
  /** Events that could not be stored when they happened; tried again before the next one. */
  let late: { event: NewEvent; state: OpenCall | undefined }[] = [];
  let closed = false;
  let unsealed = 0;
  let searchEnded: Promise<void> | undefined;

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
    search.stored();
    unsealed += 1;
    if (unsealed >= segmentEvents) seal();
  };
  /** Signs what is there by now. A call never fails by it: its own row is stored already. */
  const seal = (): void => {
    unsealed = 0;
    try {
      if (writer.checkpoint()) anchor.keep(writer.tail());
    } catch (error) {
      trouble(error);
    }
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

  const lost = anchor.compare(opened, writer.tail());
  for (const event of writer.leftOpen()) writer.append(event);
  writer.append({ kind: 'started', message: `Sallyport ${deps.version} started.` });
  if (lost !== undefined) {
    writer.append({ kind: 'app', message: lost });
    deps.onTrouble?.(new SallyportError('log_damaged', 'app', lost));
  }
  if (opened.keptAside !== undefined) {
    const message = `The request log was damaged. It was kept aside as ${basename(opened.keptAside)}; this is a new one.`;
    writer.append({ kind: 'app', message });
    deps.onTrouble?.(new SallyportError('log_damaged', 'app', message));
  }

  seal();
  const stops = [every(clock, segmentMs, seal), every(clock, retentionMs, () => keepToLimits())];
  /** The oldest call under way stays whole. */
  const oldestOpen = (): number | undefined => {
    const heads = [...open.values()].flatMap(({ events }) => events[0]?.body.seq ?? []);
    return heads.length === 0 ? undefined : Math.min(...heads);
  };
  const keepToLimits = (): Removed | undefined => {
    try {
      const limits = deps.limits();
      const removed = retention.run(limits, oldestOpen());
      if (removed === undefined) return undefined;
      const why = removed.because === 'age' ? `${limits.days} days` : `${Math.round(limits.bytes / 1_048_576)} MiB`;
      storeOrKeep({
        kind: 'app',
        message: `${removed.entries} entries up to ${removed.upTo} were taken away: the log keeps ${why}.`,
      });
      return removed;
    } catch (error) {
      trouble(error);
      return undefined;
    }
  };
  keepToLimits();

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
      storeOrRefuse({ ...answeredEvent(judged.call, answer, redactor), ...headOf(state) }, state);
      state.stage = answer.outcome === 'allowed' ? 'forwardable' : 'stopped';
      return state.stage === 'forwardable' ? (judged as Decided) : undefined;
    },
    completed(judged, completion) {
      const state = known.get(judged);
      if (closed || !state || !open.delete(judged.call.id)) return;
      state.stage = 'stopped';
      storeOrKeep({ ...completedEvent(judged.call, completion, redactor), ...headOf(state) }, state);
    },
    note(note: LogNote) {
      if (closed) return;
      storeOrKeep({ ...note, message: redactor.text(note.message) });
    },
    list: (query) => listRows(opened.database, query),
    show: (id) => showRow(opened.database, id),
    // The newest rows cost nothing; whatever is filtered may go through many.
    search: async (query) =>
      Object.keys(query).every((name) => ['limit', 'before'].includes(name))
        ? listRows(opened.database, query)
        : await search.list(query),
    find: async (id) => await search.show(id),
    verify: () => verifyInWorker(path, { tail: writer.tail(), key: keyText(keys.sealKey), ...anchor.witness() }),
    keepToLimits,
    oldest: () => {
      const at = opened.database
        .prepare('SELECT at FROM ev WHERE seq >= ? ORDER BY seq LIMIT 1')
        .get(lowestSeq(opened.database, undefined))?.at;
      return at === undefined ? undefined : String(at);
    },
    usedBytes: () => retention.usedBytes(),
    countSince: (agent, since) => writer.countSince(agent, since),
    lastCallAt: () => writer.lastCallAt(),
    onRow(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close() {
      if (closed) return;
      for (const stop of stops) stop();
      for (const { call, events, stage } of open.values()) {
        storeOrKeep(cutOff({ ...ofCall(call), ...headOf({ events }) }, stage === 'forwardable'), {
          call,
          events,
          stage,
        });
      }
      open.clear();
      storeOrKeep({ kind: 'stopped', message: 'Sallyport stopped.' });
      seal();
      closed = true;
      listeners.clear();
      retention.close();
      searchEnded = search.close();
      writer.close();
    },
    async settled() {
      await anchor.settled();
      await searchEnded;
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

/** What joins a later event to the decision of its call. */
function headOf({ events }: { readonly events: readonly LogEvent[] }): { head?: number } {
  const first = events[0]?.body.seq;
  return first === undefined ? {} : { head: first };
}

/** Runs something again and again. @returns what ends it */
function every(clock: Clock, milliseconds: number, run: () => unknown): () => void {
  let cancel = (): void => {};
  const again = (): void => {
    cancel = clock.schedule(milliseconds, () => {
      run();
      again();
    });
  };
  again();
  return () => cancel();
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
