import { visibleText } from '../shared/visible-text.ts';

/** Text of outsiders as one line for the terminal. */
export function shown(text: string, max = 2_000): string {
  return visibleText(text, { max });
}

/**
 * A document as one line of JSON. Characters that a terminal would obey or hide leave as `\u` escapes: the value is
 * the same, and nothing of it acts on the screen (`security.md` S15).
 */
export function safeJson(value: unknown): string {
  return JSON.stringify(value).replace(/[^ -~]/gu, (character) =>
    visibleText(character) === character
      ? character
      : Array.from({ length: character.length }, (_, at) => escaped(character.charCodeAt(at))).join(''),
  );
}

function escaped(unit: number): string {
  return `\\u${unit.toString(16).padStart(4, '0')}`;
}

/** Lines with aligned columns; cells are made visible here. The last column is not padded. */
export function table(rows: readonly (readonly string[])[], maxCell = 80): string {
  const cells = rows.map((row) => row.map((cell) => shown(cell, maxCell)));
  const widths: number[] = [];
  for (const row of cells) {
    row.forEach((cell, at) => {
      widths[at] = Math.max(widths[at] ?? 0, [...cell].length);
    });
  }
  return cells
    .map((row) =>
      row
        .map((cell, at) => pad(cell, at, row.length, widths))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function pad(cell: string, at: number, columns: number, widths: readonly number[]): string {
  return at === columns - 1 ? cell : cell + ' '.repeat(Math.max(0, (widths[at] ?? 0) - [...cell].length));
}

/** `1 tool`, `2 tools`. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

/** A text as one word of a shell command that a person may copy: quoted unless it is plain. */
export function shellWord(text: string): string {
  return /^[A-Za-z0-9_./:-]+$/.test(text) ? text : `'${shown(text).replaceAll("'", "'\\''")}'`;
}
