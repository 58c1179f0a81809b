/** A place in a file, both from 1. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

/** The place that a message names as `FILE:LINE:COLUMN`, if it begins with one. */
export function placeOf(message: string, file: string): Place | undefined {
  if (!message.startsWith(`${file}:`)) return undefined;
  const [, line, column] = /^:(\d+):(\d+)/.exec(message.slice(file.length)) ?? [];
  return line === undefined ? undefined : { line: Number(line), column: Number(column) };
}

/** Where that place lies in the text; the end of its line where the column is beyond. */
export function offsetOf(text: string, place: Place): number {
  const lines = text.split('\n');
  const before = lines.slice(0, place.line - 1).reduce((sum, line) => sum + line.length + 1, 0);
  return Math.min(text.length, before + Math.min(place.column - 1, lines[place.line - 1]?.length ?? 0));
}
