import { describe, expect, it } from 'vitest';
import { visibleText } from '../../../electron/shared/visible-text.ts';

describe('visibleText', () => {
  it('leaves text of any script as it is', () => {
    for (const text of ['plain ASCII ~', 'Grüße, 漢字, العربية, עברית, हिन्दी', '😀👍🏽', 'e\u0301', '']) {
      expect(visibleText(text)).toBe(text);
    }
  });

  it('makes marks of whatever nobody sees or what moves what is seen', () => {
    expect(visibleText('a\u0000\u001b[31mb\u007f')).toBe('a␀␛[31mb⟨U+007F⟩');
    expect(visibleText('a\u202eb\u2066c\u200bd\ufeff')).toBe('a⟨U+202E⟩b⟨U+2066⟩c⟨U+200B⟩d⟨U+FEFF⟩');
    expect(visibleText('\u{e0041}\u{f0000}\ue000\u00ad')).toBe('⟨U+E0041⟩⟨U+F0000⟩⟨U+E000⟩⟨U+00AD⟩');
    expect(visibleText('\ud800x')).toBe('⟨U+D800⟩x');
    expect(visibleText('a\nb\tc\r')).toBe('a␊b␉c␍');
    expect(visibleText('a\nb\tc\r', { multiline: true })).toBe('a\nb\tc␍');
  });

  it('leaves no character of the dangerous kinds, wherever it stands', () => {
    // By Unicode's own properties: control, format, private use, surrogate, separators of lines, ignored by default. Not
    // the signs that stand before numbers in Arabic, Syriac and Kaithi: they are seen.
    const dangerous =
      /[[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]--[\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\u{110bd}\u{110cd}]]/v;
    const left: string[] = [];
    for (let code = 0; code <= 0x10ffff; code += 1) {
      if (dangerous.test(visibleText(String.fromCodePoint(code)))) left.push(code.toString(16));
    }
    expect(left).toEqual([]);
  });

  it('caps the length with a count, and never cuts a character in two', () => {
    expect(visibleText('abcdef', { max: 4 })).toBe('abcd… (+2 characters)');
    expect(visibleText('abcd', { max: 4 })).toBe('abcd');
    expect(visibleText('😀😀😀', { max: 2 })).toBe('😀😀… (+2 characters)');
    expect(visibleText('x'.repeat(3_000))).toBe(`${'x'.repeat(2_000)}… (+1000 characters)`);
  });
});
