import type { Clock } from '../../../shared/clock.ts';
import { createLineReader } from './line-reader.ts';

/** What a server says outside the protocol: its stderr, and stray lines on stdout; bounded, its secrets masked. */
export interface ServerWords {
  /** Bytes of stderr. */
  stderr(chunk: Uint8Array): void;
  /** stderr ended. */
  end(): void;
  /** A line on stdout that is no message. */
  stray(line: Uint8Array): void;
  /** The first stray line, masked. */
  readonly firstStray: string | undefined;
  /** How many stray lines there were. */
  readonly strays: number;
  /** The last lines said, oldest first, at most 2 000 characters. */
  last(): string;
  /** Any text of this server with the values of its own secrets replaced. */
  mask(text: string): string;
}

/** Longest line kept; of longer ones the beginning is. */
const maxLine = 8_192;
/** Lines passed on in one second; a flood is counted, not kept. */
const maxLinesPerSecond = 200;
const keptLines = 20;

/** @param onLine gets each line, masked, without its end */
export function createServerWords(
  secret: ReadonlyMap<string, string>,
  clock: Clock,
  onLine: (line: string) => void,
): ServerWords {
  const mask = createMask(secret);
  const longest = Math.max(0, ...[...secret.values()].map((value) => Buffer.byteLength(value)));
  const recent: string[] = [];
  let firstStray: string | undefined;
  let strays = 0;
  let second = 0;
  let inSecond = 0;
  let leftOut = 0;

  const say = (line: string): void => {
    const now = Math.floor(clock.monotonic() / 1_000);
    if (now !== second) {
      if (leftOut > 0) onLine(`… ${leftOut} lines left out …`);
      second = now;
      inSecond = 0;
      leftOut = 0;
    }
    recent.push(line);
    if (recent.length > keptLines) recent.shift();
    inSecond += 1;
    if (inSecond > maxLinesPerSecond) leftOut += 1;
    else onLine(line);
  };
  const text = (line: Uint8Array): string => mask(new TextDecoder().decode(line));
  const lines = createLineReader(
    maxLine + longest,
    (line) => say(text(line).slice(0, maxLine)),
    // A secret that the cut goes through would keep its beginning: that stretch is left out.
    (beginning) => say(`${text(beginning).slice(0, Math.max(0, maxLine - longest))}…`),
  );
  return {
    stderr: (chunk) => lines.push(chunk),
    end: () => lines.end(),
    stray(line) {
      strays += 1;
      const shown = text(line.subarray(0, maxLine + longest)).slice(0, Math.max(0, maxLine - longest));
      firstStray ??= shown;
      say(`stdout: ${shown}`);
    },
    get firstStray() {
      return firstStray;
    },
    get strays() {
      return strays;
    },
    last: () => recent.join('\n').slice(-2_000),
    mask,
  };
}

/** Values shorter than this are no secrets but switches ("1", "yes"): masking them would garble everything. */
const shortestSecret = 4;

/** Replaces each of those values by its name in brackets. @param secret by name */
export function createMask(secret: ReadonlyMap<string, string>): (text: string) => string {
  const parts = [...secret]
    // A value of several lines comes out line by line.
    .flatMap(([name, value]) => [value, ...value.split(/\r?\n/)].map((part) => [name, part.trim()] as const))
    .filter(([, part]) => part.length >= shortestSecret)
    .sort(([, a], [, b]) => b.length - a.length);
  return (text) => parts.reduce((masked, [name, part]) => masked.replaceAll(part, `[${name}]`), text);
}
