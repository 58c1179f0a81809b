import type { LogDetail, LogRow } from '../../shared/views.ts';
import { type DecidedBody, eventBody, hashText, type LogEvent, type NoteBody } from './chain.ts';

/** One row of the table `ev` as SQLite gives it. */
export interface StoredEvent {
  readonly seq: number;
  readonly at: string;
  readonly kind: string;
  readonly body: string;
  readonly hash: Uint8Array;
}

/** Reads a stored event; undefined if it is not as this app writes it (`verify` says where and why). */
export function readEvent(stored: StoredEvent): LogEvent | undefined {
  try {
    const parsed = eventBody.safeParse(JSON.parse(stored.body));
    return parsed.success ? { body: parsed.data, hash: hashText(stored.hash) } : undefined;
  } catch {
    return undefined;
  }
}

/** A row for an event that cannot be read, so that a damaged one is seen and not left out. */
export function unreadableRow(stored: StoredEvent): LogRow {
  const time = Date.parse(stored.at);
  return {
    seq: stored.seq,
    at: new Date(Number.isNaN(time) ? 0 : time).toISOString(),
    id: `ev-${stored.seq}`,
    kind: 'app',
    message: 'This entry of the log is damaged. Run `sallyport log verify`.',
    bytesIn: 0,
    bytesOut: 0,
    hash: hashText(stored.hash),
  };
}

/**
 * Joins the events of one call, or takes a single one, to the row that people see. Its `seq` is that of the first event,
 * its hash that of the newest.
 * @param events of one call in order, the first one `decided`; or one note
 */
export function rowOf(events: readonly LogEvent[]): LogRow {
  const first = events[0];
  if (first?.body.kind === 'decided') return callRow(first.body, events);
  if (first && 'message' in first.body) return noteRow(first.body, first.hash);
  throw new TypeError('A log row begins with a decision or a note.');
}

/** The row with its result and time line; see {@link rowOf}. */
export function detailOf(events: readonly LogEvent[]): LogDetail {
  const row = rowOf(events);
  const body = events[0]?.body;
  if (body?.kind !== 'decided') return { ...row, steps: [] };
  const completed = events.find((event) => event.body.kind === 'completed')?.body;
  const result = completed?.kind === 'completed' ? withCut(completed.resultText, completed.resultCut) : undefined;
  const text = withCut(body.argumentsText, body.argumentsCut);
  return {
    ...row,
    ...(text === undefined ? {} : { argumentsText: text }),
    ...(result === undefined ? {} : { resultText: result }),
    era: body.era,
    steps: stepsOf(body, events),
  };
}

function callRow(decided: DecidedBody, events: readonly LogEvent[]): LogRow {
  const row: LogRow = {
    seq: decided.seq,
    at: decided.at,
    id: decided.call,
    kind: 'call',
    agent: { id: decided.agent, name: decided.agentName },
    server: decided.server,
    method: decided.method,
    ...(decided.tool === undefined ? {} : { tool: decided.tool }),
    ...(decided.argumentsText === undefined
      ? {}
      : { arguments: plainArguments(decided.argumentsText, decided.argumentsCut) }),
    decision: {
      effect: decided.decision,
      rule: decided.rule,
      reasons: decided.reasons,
      risk: decided.risk,
      class: decided.class,
    },
    bytesIn: decided.bytesIn,
    bytesOut: 0,
    ...(decided.pin === undefined ? {} : { pin: decided.pin }),
    hash: events.at(-1)?.hash ?? '',
  };
  for (const { body } of events) {
    if (body.kind === 'answered') {
      row.answer = {
        ...(body.by === undefined ? {} : { by: body.by }),
        ...(body.after === undefined ? {} : { after: body.after }),
        ...(body.reason === undefined ? {} : { reason: body.reason }),
      };
    } else if (body.kind === 'completed') {
      row.outcome = body.decision;
      row.bytesOut = body.bytesOut;
      if (body.error !== undefined) row.error = body.error;
      if (body.ms !== undefined) row.ms = body.ms;
    }
  }
  return row;
}

function noteRow(note: NoteBody, hash: string): LogRow {
  return {
    seq: note.seq,
    at: note.at,
    id: `ev-${note.seq}`,
    kind: note.kind === 'started' || note.kind === 'stopped' ? 'app' : note.kind,
    ...(note.server === undefined ? {} : { server: note.server }),
    message: note.by === undefined ? note.message : `${note.message} (by ${note.by})`,
    bytesIn: 0,
    bytesOut: 0,
    hash,
  };
}

function plainArguments(text: string, cut: number | undefined): unknown {
  if (cut === undefined) {
    try {
      return JSON.parse(text);
    } catch {
      // falls through: shown as the text that it is
    }
  }
  return withCut(text, cut);
}

function withCut(text: string | undefined, cut: number | undefined): string | undefined {
  if (text === undefined || cut === undefined) return text;
  return `${text}… (+${cut} bytes not kept)`;
}

function stepsOf(decided: DecidedBody, events: readonly LogEvent[]): LogDetail['steps'] {
  const steps: LogDetail['steps'] = [
    { step: 'received', at: decided.receivedAt },
    { step: 'decided', at: decided.at, detail: `${decided.decision} by ${decided.rule}` },
  ];
  for (const { body } of events) {
    if (body.kind === 'answered') {
      if (body.after !== undefined) steps.push({ step: 'asked', at: before(body.at, body.after) });
      steps.push({
        step: 'answered',
        at: body.at,
        detail: body.by === undefined ? body.decision : `${body.decision} by ${body.by}`,
      });
    } else if (body.kind === 'completed') {
      if (body.ms !== undefined) steps.push({ step: 'forwarded', at: before(body.at, body.ms) });
      steps.push({ step: 'completed', at: body.at, detail: body.decision });
    }
  }
  return steps;
}

function before(at: string, milliseconds: number): string {
  return new Date(Date.parse(at) - milliseconds).toISOString();
}
