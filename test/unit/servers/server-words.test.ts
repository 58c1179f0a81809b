import { describe, expect, it } from 'vitest';
import { createServerWords } from '../../../electron/core/servers/stdio/server-words.ts';
import { createManualClock } from '../../manual-clock.ts';

function words(secret: Readonly<Record<string, string>> = {}) {
  const clock = createManualClock();
  const lines: string[] = [];
  const made = createServerWords(new Map(Object.entries(secret)), clock, (line) => lines.push(line));
  return { clock, lines, words: made, say: (text: string) => made.stderr(Buffer.from(text)) };
}

describe('the words of a server', () => {
  it('lose the values of its secrets, whole, longest first, and line by line', () => {
    const { lines, say } = words({ KEY: 'abcd', LONG: 'abcdefgh', PEM: 'first line\nsecond line', FLAG: '1' });
    say('abcdefgh abcd 1\nx second line y\nab');
    say('cd\n');
    expect(lines).toEqual(['[LONG] [KEY] 1', 'x [PEM] y', '[KEY]']);
  });

  it('never show a part of a secret that an over-long line is cut at', () => {
    const secret = 'S3CRET-'.repeat(4);
    for (let before = 8_192 - 2 * secret.length; before <= 8_192 + 2 * secret.length; before += 1) {
      const { lines, say } = words({ KEY: secret });
      say(`${'x'.repeat(before)}${secret}${'y'.repeat(9_000)}\n`);
      expect(lines).toHaveLength(1);
      expect(lines[0]?.length).toBeLessThanOrEqual(8_193);
      expect(lines[0]).not.toContain('S3C');
    }
  });

  it('are cut off in a flood, and the rest is counted', () => {
    const { lines, say, clock } = words();
    say('line\n'.repeat(1_000));
    expect(lines).toHaveLength(200);
    clock.advance(1_000);
    say('calm again\n');
    expect(lines.slice(200)).toEqual(['… 800 lines left out …', 'calm again']);
  });

  it('are remembered to the last twenty', () => {
    const { words: made, say } = words();
    for (let line = 0; line < 30; line += 1) say(`${line}\n`);
    made.stray(Buffer.from('Hello'));
    expect(made.last().split('\n')).toEqual([...Array.from({ length: 19 }, (_, n) => String(n + 11)), 'stdout: Hello']);
    expect(made.firstStray).toBe('Hello');
    expect(made.strays).toBe(1);
  });
});
