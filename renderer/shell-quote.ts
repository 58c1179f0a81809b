/** A word for a POSIX shell: single quotes hold everything but themselves (`security.md` S15). */
export function shellQuote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
