/** Whether a name fits a glob: `*` is any run of characters, `?` any one, all else itself. */
export type Glob = (name: string) => boolean;

/** Reads a glob; matching takes time linear in the name for each `*`. */
export function glob(pattern: string): Glob {
  if (!/[*?]/.test(pattern)) return (name) => name === pattern;
  if (/^\*+$/.test(pattern)) return () => true;
  return (name) => matches(pattern, name);
}

/** How much of a glob is fixed: its literal characters; a name without wildcards counts as more than any with. */
export function globWeight(pattern: string): number {
  const literal = pattern.replaceAll(/[*?]/g, '').length;
  return /[*?]/.test(pattern) ? Math.min(literal, 99) : 100;
}

function matches(pattern: string, text: string): boolean {
  let at = 0;
  let within = 0;
  let star = -1;
  let mark = 0;
  while (at < text.length) {
    const one = pattern[within];
    if (one === '*') {
      star = within;
      mark = at;
      within += 1;
    } else if (one !== undefined && (one === '?' || one === text[at])) {
      within += 1;
      at += 1;
    } else if (star >= 0) {
      within = star + 1;
      mark += 1;
      at = mark;
    } else return false;
  }
  while (pattern[within] === '*') within += 1;
  return within === pattern.length;
}
