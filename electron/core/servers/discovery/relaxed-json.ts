/**
 * Reads JSON as editors write their settings: with comments and trailing commas, in time linear to its length. What two
 * readers could take differently (a name that is there twice) is taken as the programs that own these files take it: the
 * last one counts. Nothing read here has authority: a person sees what came of it before it is used.
 * @throws SyntaxError where it is no JSON
 */
export function parseRelaxedJson(text: string): unknown {
  const source = text.startsWith('\ufeff') ? text.slice(1) : text;
  try {
    return JSON.parse(source);
  } catch {
    return JSON.parse(withoutExtras(source));
  }
}

/** Leaves out comments, and commas before a closing bracket; strings stay as they are. */
function withoutExtras(text: string): string {
  const parts: string[] = [];
  /** A comma that counts only if something other than a closing bracket follows. */
  let comma = false;
  for (let at = 0; at < text.length; ) {
    const two = text.slice(at, at + 2);
    if (two === '//' || two === '/*') {
      at = endOfComment(text, at, two);
      continue;
    }
    const character = text[at] ?? '';
    const end = character === '"' ? endOfString(text, at) : at + 1;
    if (/\s/.test(character)) parts.push(character);
    else {
      if (comma && character !== '}' && character !== ']') parts.push(',');
      comma = character === ',';
      if (!comma) parts.push(text.slice(at, end));
    }
    at = end;
  }
  return parts.join('');
}

function endOfComment(text: string, at: number, kind: string): number {
  const end = text.indexOf(kind === '//' ? '\n' : '*/', at + 2);
  if (end < 0) return text.length;
  return kind === '//' ? end : end + 2;
}

function endOfString(text: string, at: number): number {
  let end = at + 1;
  while (end < text.length && text[end] !== '"') end += text[end] === '\\' ? 2 : 1;
  return Math.min(end + 1, text.length);
}
