import { expect, test } from 'vitest';
import { formatJoinLine, parseJoinLine } from '../../../electron/core/tunnel/edge/join-line.ts';

const caPin = 'A'.repeat(43);
const token = 'b'.repeat(43);

test('what is written can be read, addresses included', () => {
  for (const host of ['edge.example.com', '192.0.2.1', '2001:db8::1']) {
    const line = { host, port: 443, caPin, token };
    expect(parseJoinLine(`  ${formatJoinLine(line)}\n`)).toEqual(line);
  }
});

test('anything else is refused without repeating the token', () => {
  for (const line of [
    '',
    `sallyport-join:h:0:${caPin}:${token}`,
    `sallyport-join:h:70000:${caPin}:${token}`,
    `sallyport-join:h:1:short:${token}`,
    `sallyport-join:h h:1:${caPin}:${token}`,
    `other:h:1:${caPin}:${token}`,
  ]) {
    expect(() => parseJoinLine(line)).toThrow(expect.objectContaining({ code: 'bad_join_line', hop: 'edge' }));
    try {
      parseJoinLine(line);
    } catch (error) {
      expect(String(error)).not.toContain(token);
    }
  }
});
