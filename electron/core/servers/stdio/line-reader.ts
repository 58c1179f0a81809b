/** Cuts a byte stream into lines at LF (a CR before it is dropped), without ever holding more than `maxBytes`. */
export interface LineReader {
  push(chunk: Uint8Array): void;
  /** What came after the last line end. */
  end(): void;
}

/**
 * @param maxBytes longest line kept
 * @param onLine a whole line without its end; never empty
 * @param onTooLong called once a line passes `maxBytes`, with its beginning; the rest up to the next line end is dropped
 */
export function createLineReader(
  maxBytes: number,
  onLine: (line: Buffer) => void,
  onTooLong: (beginning: Buffer) => void,
): LineReader {
  let parts: Buffer[] = [];
  let length = 0;
  let dropping = false;

  const finish = (): void => {
    const line = parts.length === 1 ? parts[0] : Buffer.concat(parts, length);
    parts = [];
    length = 0;
    if (!line || line.length === 0) return;
    const end = line.at(-1) === 0x0d ? line.length - 1 : line.length;
    if (end > 0) onLine(line.subarray(0, end));
  };
  const add = (piece: Buffer): void => {
    if (dropping || piece.length === 0) return;
    parts.push(piece);
    length += piece.length;
    if (length <= maxBytes) return;
    const beginning = Buffer.concat(parts, length).subarray(0, maxBytes);
    parts = [];
    length = 0;
    dropping = true;
    onTooLong(beginning);
  };
  return {
    push(chunk) {
      const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
      let from = 0;
      for (let at = bytes.indexOf(0x0a); at !== -1; at = bytes.indexOf(0x0a, from)) {
        add(bytes.subarray(from, at));
        if (dropping) dropping = false;
        else finish();
        from = at + 1;
      }
      add(bytes.subarray(from));
    },
    end() {
      dropping = false;
      finish();
    },
  };
}
