import { encodedRuns } from './secret-shapes.ts';

/** Characters of a text that are looked at. */
const looked = 20_000;
/** Tag characters repeat ASCII where nobody sees it. */
const tagged = /[\u{E0020}-\u{E007E}]/gu;
/** What joins or hides and is no letter. */
const ignorable =
  /[\u{AD}\u{200B}-\u{200F}\u{202A}-\u{202E}\u{2060}-\u{2064}\u{2066}-\u{2069}\u{FEFF}]|[\u{FE00}-\u{FE0F}]/gu;
/** Eight codes of characters or more: `71 114 97`, `0x47,0x72`, `&#71;&#114;`, `\x47\x72`. */
const codeRun = /(?:(?:&#x?|\\x|\\u00|0x|U\+00)?[0-9a-f]{2,3};?[\s,]{0,2}){8,4000}/gi;
const bitRun = /(?:[01]{8}[\s,]?){6,4000}/g;
const base32Run = /[A-Z2-7]{16,20000}/g;
const base32Letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/**
 * What an argument may hold in another form: encoded once or twice, in codes of characters, with its letters spaced, cut to
 * chunks, written in characters that nobody sees, backwards, or moved by thirteen. Only readings that differ from the text.
 */
export function hiddenReadings(text: string): readonly string[] {
  const whole = text.slice(0, looked);
  const forms = otherForms(whole);
  const once = [whole, ...forms].flatMap((one) => decodedRuns(one, 20));
  const twice = once.flatMap((one) => decodedRuns(one, 3));
  const turned = [...once, ...forms, whole].flatMap((one) => {
    const piece = one.trim().slice(0, 200);
    return piece.length < 16 ? [] : [[...piece].reverse().join(''), rotated(piece)];
  });
  return [...forms.filter((one) => one.trim().length >= 8), ...once, ...twice, ...turned];
}

function decodedRuns(text: string, most: number): string[] {
  return encodedRuns(text)
    .slice(0, most)
    .map(({ decoded }) => decoded);
}

/** The same text without its disguise. */
function otherForms(text: string): readonly string[] {
  const found: string[] = [];
  const tags = text.match(tagged);
  if (tags) found.push(tags.map((one) => String.fromCharCode((one.codePointAt(0) ?? 0) - 0xe0000)).join(''));
  const plain = text.normalize('NFKC').replaceAll(ignorable, '');
  if (plain !== text && !tags) found.push(plain);
  const spread = unspread(plain);
  if (spread !== undefined) found.push(spread);
  // A run that was cut to chunks: as one it decodes.
  if (/\s/.test(text) && !/[^\sA-Za-z0-9+/=_-]/.test(text))
    found.push(...decodedRuns(text.replaceAll(/[\s-]/g, ''), 3));
  for (const [run] of text.matchAll(codeRun)) found.push(...fromCodes(run));
  for (const [run] of text.matchAll(bitRun)) found.push(characters(run.match(/[01]{8}/g) ?? [], 2));
  for (const [run] of text.matchAll(base32Run)) found.push(fromBase32(run));
  return found.filter((one) => one !== '');
}

/** `G r a c e`, `G-r-a-c-e`: every second character is the same separator. */
function unspread(text: string): string | undefined {
  const separator = text[1];
  if (text.length < 15 || separator === undefined || /[\p{L}\p{N}]/u.test(separator)) return undefined;
  let kept = '';
  for (let at = 0; at < text.length; at += 2) {
    if (at + 1 < text.length && text[at + 1] !== separator) return undefined;
    kept += text[at];
  }
  return kept;
}

function fromCodes(run: string): string[] {
  const codes = run.match(/[0-9a-f]{2,3}(?![0-9a-f])/gi) ?? [];
  const decimal = codes.every((one) => /^\d+$/.test(one)) ? characters(codes, 10) : '';
  const hexadecimal = codes.every((one) => one.length === 2) ? characters(codes, 16) : '';
  return [decimal, hexadecimal];
}

/** The characters of these codes; nothing where one of them is no ordinary character. */
function characters(codes: readonly string[], base: number): string {
  const numbers = codes.map((one) => Number.parseInt(one, base));
  return numbers.length >= 6 && numbers.every((one) => (one >= 32 && one < 127) || one === 9 || one === 10)
    ? String.fromCharCode(...numbers)
    : '';
}

function fromBase32(run: string): string {
  const codes: string[] = [];
  let bits = 0;
  let held = 0;
  for (const letter of run) {
    held = ((held << 5) | base32Letters.indexOf(letter)) & 0xfff;
    bits += 5;
    if (bits < 8) continue;
    bits -= 8;
    codes.push(((held >> bits) & 0xff).toString(16).padStart(2, '0'));
  }
  return characters(codes, 16);
}

function rotated(text: string): string {
  return text.replaceAll(/[a-z]/gi, (letter) => {
    const base = letter <= 'Z' ? 65 : 97;
    return String.fromCharCode(((letter.charCodeAt(0) - base + 13) % 26) + base);
  });
}
