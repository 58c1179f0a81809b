import { describe, expect, it } from 'vitest';
import { createLineReader } from '../../../electron/core/servers/stdio/line-reader.ts';

function read(chunks: readonly (string | Uint8Array)[], max = 100): { lines: string[]; long: string[] } {
  const lines: string[] = [];
  const long: string[] = [];
  const reader = createLineReader(
    max,
    (line) => lines.push(line.toString()),
    (beginning) => long.push(beginning.toString()),
  );
  for (const chunk of chunks) reader.push(typeof chunk === 'string' ? Buffer.from(chunk) : chunk);
  reader.end();
  return { lines, long };
}

describe('reading lines from bytes', () => {
  it('gives the same lines however the bytes are cut', () => {
    const bytes = Buffer.from('{"a":"ü€😀"}\n\r\n{"b":1}\r\n\n  x\u2028y\nlast');
    const whole = read([bytes]).lines;
    expect(whole).toEqual(['{"a":"ü€😀"}', '{"b":1}', '  x\u2028y', 'last']);
    for (let size = 1; size < bytes.length; size += 1) {
      const chunks: Uint8Array[] = [];
      for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.subarray(at, at + size));
      expect(read(chunks).lines).toEqual(whole);
    }
  });

  it('keeps a line of exactly the limit, and drops the whole of a longer one', () => {
    expect(read(['0123456789\nx\n'], 10)).toEqual({ lines: ['0123456789', 'x'], long: [] });
    expect(read(['01234567890', '1234', '5\nx\n'], 10)).toEqual({ lines: ['x'], long: ['0123456789'] });
    expect(read(['a'.repeat(50), '\n', 'b'.repeat(50), '\nok'], 10)).toEqual({
      lines: ['ok'],
      long: ['a'.repeat(10), 'b'.repeat(10)],
    });
  });
});
