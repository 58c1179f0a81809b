/**
 * Draws long runs of white space as a count. Data was once hidden behind many spaces and an invisible scroll bar in a
 * prompt; a run that is counted hides nothing. Line breaks stay where `multiline` is set, up to two in a row.
 */
export function foldWhitespace(text: string, options: { multiline?: boolean } = {}): string {
  return text
    .replace(/[^\S\n\r]{4,}/g, (run) => ` ⟨${run.length} spaces⟩ `)
    .replace(/(?:\r?\n[^\S\n\r]*){3,}/g, (run) => {
      const breaks = run.split('\n').length - 1;
      return options.multiline ? `\n⟨${breaks} line breaks⟩\n` : ` ⟨${breaks} line breaks⟩ `;
    });
}
