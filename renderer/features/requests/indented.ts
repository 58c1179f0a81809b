/** JSON with its structure in sight, characters untouched; what is no whole JSON stays as it is. */
export function indented(text: string): string {
  if (!/^\s*[[{]/.test(text)) return text;
  let out = '';
  let depth = 0;
  let quoted = false;
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at] ?? '';
    if (quoted) {
      out += character;
      if (character === '\\') {
        at += 1;
        out += text[at] ?? '';
      } else if (character === '"') quoted = false;
      continue;
    }
    if (character === '"') {
      quoted = true;
      out += character;
    } else if (character === '{' || character === '[') {
      const close = character === '{' ? '}' : ']';
      let next = at + 1;
      while (/\s/.test(text[next] ?? '')) next += 1;
      if (text[next] === close) {
        out += character + close;
        at = next;
      } else {
        depth += 1;
        out += `${character}\n${'  '.repeat(depth)}`;
      }
    } else if (character === '}' || character === ']') {
      depth = Math.max(0, depth - 1);
      out += `\n${'  '.repeat(depth)}${character}`;
    } else if (character === ',') out += `,\n${'  '.repeat(depth)}`;
    else if (character === ':') out += ': ';
    else if (!/\s/.test(character)) out += character;
  }
  return out;
}
