import { RE2JS } from 're2js';

/** A regular expression that takes time linear in the text, whoever wrote either (`security.md` S14). */
export interface LinearPattern {
  /** Whether it matches anywhere in the text, as JSON Schema's `pattern` does. */
  found(text: string): boolean;
}

/** Longest pattern that is taken, in characters. */
const longestPattern = 2_000;

/** @throws Error where the pattern is not one that can be matched in linear time (look-around, back-references) */
export function linearPattern(source: string): LinearPattern {
  if (source.length > longestPattern) throw new Error(`the pattern is longer than ${longestPattern} characters`);
  const compiled = RE2JS.compile(source);
  return { found: (text) => compiled.matcher(text).find() };
}
