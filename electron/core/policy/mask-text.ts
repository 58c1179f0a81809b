import type { ResultHandling } from './mask-result.ts';
import { type FoundSecret, findSecrets } from './secret-shapes.ts';

/** A text in which secrets became markers. */
export interface MaskedText {
  /** The text as it goes on; as it came where nothing was found. */
  readonly value: string;
  /** What was found, each kind once. */
  readonly kinds: readonly string[];
  /** Characters that nobody sees, as many as there were. */
  readonly unseen: number;
}

/** Tags, bidirectional controls, zero-width characters, invisible operators, terminal escapes and other controls. */
const unseenCharacters =
  /\u{1B}(?:\[[0-?]{0,40}[ -/]{0,10}[@-~]|\][^\u{7}\u{1B}]{0,400}(?:\u{7}|\u{1B}\\)?|[@-Z\\-_])|[\u{E0000}-\u{E007F}\u{200B}-\u{200F}\u{202A}-\u{202E}\u{2060}-\u{2064}\u{2066}-\u{2069}\u{FEFF}\u{AD}\u{180E}\u{0}-\u{8}\u{B}\u{C}\u{E}-\u{1F}\u{7F}]/gu;

/** Characters searched at a stretch, and how far stretches overlap: as far as the longest secret. */
const stretch = 65_536;
const overlap = 24_576;

/** Masks a text, stretch by stretch: it stops after each, so that whoever drives it can let others have their turn. */
export function* masking(given: string, handling: ResultHandling): Generator<undefined, MaskedText> {
  const unseen = given.match(unseenCharacters)?.length ?? 0;
  const text = unseen > 0 && handling.unseen === 'remove' ? given.replaceAll(unseenCharacters, '') : given;
  if (handling.secrets === 'pass') return { value: text, kinds: [], unseen };
  const found: FoundSecret[] = [];
  for (let from = 0; ; from += stretch - overlap) {
    for (const one of findSecrets(text.length <= stretch ? text : text.slice(from, from + stretch))) {
      const shifted = { ...one, from: one.from + from, to: one.to + from };
      const last = found.at(-1);
      if (last && shifted.from < last.to) {
        // Seen whole in one of two stretches, cut in the other: the longer one counts.
        if (shifted.to > last.to) found[found.length - 1] = { ...shifted, from: Math.min(last.from, shifted.from) };
      } else found.push(shifted);
    }
    if (from + stretch >= text.length) break;
    yield;
  }
  const parts: string[] = [];
  let end = 0;
  for (const { from, to, kind } of found) {
    parts.push(text.slice(end, from), `⟨secret removed: ${kind}⟩`);
    end = to;
  }
  const value = found.length === 0 ? text : parts.join('') + text.slice(end);
  return { value, kinds: [...new Set(found.map(({ kind }) => kind))], unseen };
}

/** Masks a text at once: for a thread of its own. */
export function maskText(text: string, handling: ResultHandling): MaskedText {
  const steps = masking(text, handling);
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}
