/** Inclusive code-point ranges that nobody sees, or that move what is seen: they become marks. */
const unseen: readonly (readonly [number, number])[] = [
  [0x7f, 0x9f], // DEL, C1
  [0xad, 0xad], // soft hyphen
  [0x34f, 0x34f], // combining grapheme joiner
  [0x61c, 0x61c], // Arabic letter mark
  [0x115f, 0x1160], // Hangul fillers
  [0x17b4, 0x17b5], // Khmer inherent vowels
  [0x180b, 0x180f], // Mongolian selectors
  [0x200b, 0x200f], // zero-width and direction marks
  [0x2028, 0x202e], // line and paragraph separators, bidirectional embedding
  [0x2060, 0x206f], // word joiner, invisible operators, isolates
  [0x3164, 0x3164], // Hangul filler
  [0xd800, 0xdfff], // lone surrogates
  [0xe000, 0xf8ff], // private use
  [0xfe00, 0xfe0f], // variation selectors
  [0xfeff, 0xfeff], // byte-order mark
  [0xffa0, 0xffa0], // half-width Hangul filler
  [0xfff0, 0xfffb], // specials, annotation
  [0x13430, 0x1345f], // hieroglyph format controls
  [0x1bca0, 0x1bca3], // shorthand format controls
  [0x1d173, 0x1d17a], // musical format controls
  [0xe0000, 0xe0fff], // tags, more variation selectors, what is ignored by default
  [0xf0000, 0x10ffff], // private use planes
];

/** How {@link visibleText} cuts and folds. */
export interface VisibleTextOptions {
  /** Characters kept; the rest becomes a count. Default 2 000. */
  readonly max?: number;
  /** Keep line feeds and tabs (a value shown in a block) instead of marking them (a line, a title, a terminal). */
  readonly multiline?: boolean;
}

/** A piece of shown text: as it was, or a mark in place of what nobody sees. */
export interface VisiblePiece {
  readonly text: string;
  readonly mark: boolean;
}

/**
 * The one function through which text of agents and servers reaches any front: window, tray, notification, terminal,
 * log line, export (`security.md` S15). Control, bidirectional, zero-width, tag and private-use characters become
 * visible marks; the length is capped with a count. The result is plain text: never HTML, Markdown or ANSI.
 */
export function visibleText(text: string, options: VisibleTextOptions = {}): string {
  return visiblePieces(text, options)
    .map((piece) => piece.text)
    .join('');
}

/** {@link visibleText} in pieces, for fronts that draw a mark so that text which only looks like one is told apart. */
export function visiblePieces(text: string, options: VisibleTextOptions = {}): VisiblePiece[] {
  const max = options.max ?? 2_000;
  const pieces: { text: string; mark: boolean }[] = [];
  const add = (shown: string, mark: boolean): void => {
    const last = pieces.at(-1);
    if (last && last.mark === mark) last.text += shown;
    else pieces.push({ text: shown, mark });
  };
  let kept = 0;
  let length = 0;
  for (const character of text) {
    if (kept === max) break;
    kept += 1;
    length += character.length;
    const shown = markOf(character, options.multiline === true);
    add(shown ?? character, shown !== undefined);
  }
  const hidden = text.length - length;
  if (hidden > 0) add(`… (+${hidden} characters)`, true);
  return pieces;
}

function markOf(character: string, multiline: boolean): string | undefined {
  const code = character.codePointAt(0) ?? 0;
  if (multiline && (character === '\n' || character === '\t')) return undefined;
  if (code < 0x20) return String.fromCodePoint(0x2400 + code);
  if (code < 0x7f) return undefined;
  if (!unseen.some(([from, to]) => code >= from && code <= to)) return undefined;
  return `⟨U+${code.toString(16).toUpperCase().padStart(4, '0')}⟩`;
}
