import { writeFile } from 'node:fs/promises';
import { type Clock, timestamp } from '../../../../shared/clock.ts';
import { SallyportError } from '../../../../shared/errors.ts';
import { visibleText } from '../../../../shared/visible-text.ts';
import type { SecuredInfo } from '../../inner-tls/inner-tls.ts';
import type { FrameDuplexOptions } from './frame-duplex.ts';

/** Notes metadata of the first connections that come through Anthropic's tunnel: never payload, tokens or addresses. */
export interface Recorder {
  /** Begins a record of the next `connections` connections, in place of the one before. */
  start(connections: number): void;
  /** What was noted so far, and how many connections are still waited for; `undefined` where nothing was begun. */
  read(): Recording | undefined;
  /** Notes an upgrade. @returns what hears of its frames, where it is recorded */
  upgrade(headers: NodeJS.Dict<string | string[]>, path: string | undefined): FrameDuplexOptions['onFrame'];
  secured(agreed: SecuredInfo): void;
  request(host: string | undefined): void;
}

/** A record: what a person may attach to a report. */
export interface Recording {
  readonly startedAt: string;
  readonly waitingFor: number;
  readonly events: readonly RecordedEvent[];
}

/** One thing that was noted. */
export interface RecordedEvent {
  readonly at: string;
  readonly what: string;
  readonly [detail: string]: unknown;
}

const maxEvents = 2_000;
/** Headers whose value is noted; of all others only that they are there and how long they are. */
const plain = new Set([
  'connection',
  'upgrade',
  'sec-websocket-version',
  'sec-websocket-protocol',
  'sec-websocket-extensions',
  'user-agent',
  'accept-encoding',
  'cdn-loop',
  'x-forwarded-proto',
  'cf-visitor',
]);

/** Makes the recorder; it notes nothing until it is told to. */
export function createRecorder(clock: Clock): Recorder {
  let startedAt: string | undefined;
  let left = 0;
  let events: RecordedEvent[] = [];
  const note = (what: string, details: Record<string, unknown>): void => {
    if (startedAt !== undefined && events.length < maxEvents) events.push({ at: timestamp(clock), what, ...details });
  };
  return {
    start(connections) {
      startedAt = timestamp(clock);
      left = connections;
      events = [];
    },
    read: () => (startedAt === undefined ? undefined : { startedAt, waitingFor: left, events: [...events] }),
    upgrade(headers, path) {
      if (left === 0) return undefined;
      left -= 1;
      const connection = events.filter(({ what }) => what === 'upgrade').length + 1;
      note('upgrade', {
        connection,
        path: visibleText(path ?? '', { max: 200 }).replace(/\?.*/, '?…'),
        headers: Object.entries(headers).map(([name, value]) => {
          const text = Array.isArray(value) ? value.join(', ') : (value ?? '');
          return plain.has(name) || name === 'host'
            ? { name, value: visibleText(text, { max: 200 }) }
            : { name: visibleText(name, { max: 80 }), length: text.length };
        }),
      });
      return (opcode, length, direction) => note('frame', { connection, direction, opcode, length });
    },
    secured(agreed) {
      note('secured', {
        version: agreed.version,
        alpn: agreed.protocol ?? null,
        sni: agreed.serverName === undefined ? null : visibleText(agreed.serverName, { max: 253 }),
      });
    },
    request(host) {
      note('request', { host: visibleText(host ?? '', { max: 253 }) });
    },
  };
}

/** Writes a record to a file that must not exist yet. @throws SallyportError `record_unwritable` */
export async function writeRecording(file: string, recording: Recording): Promise<void> {
  try {
    await writeFile(file, `${JSON.stringify(recording, undefined, 2)}\n`, { flag: 'wx', mode: 0o600 });
  } catch (error) {
    throw new SallyportError('record_unwritable', 'app', `The record cannot be written to ${file}.`, { cause: error });
  }
}
