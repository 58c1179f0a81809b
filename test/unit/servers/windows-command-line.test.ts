import { describe, expect, it } from 'vitest';
import { windowsCommandLine } from '../../../electron/core/servers/stdio/command.ts';

describe('how Windows starts a command', () => {
  it('gives a program its arguments as they are', () => {
    expect(windowsCommandLine('C:\\node.exe', ['a "b"', '%PATH%'], 'cmd.exe')).toEqual({
      file: 'C:\\node.exe',
      args: ['a "b"', '%PATH%'],
      verbatim: false,
    });
  });

  it('starts a batch file through cmd.exe, each part quoted', () => {
    expect(windowsCommandLine('C:\\Program Files\\npx.cmd', ['-y', 'a & b'], 'cmd.exe')).toEqual({
      file: 'cmd.exe',
      args: ['/d', '/s', '/v:off', '/c', '""C:\\Program Files\\npx.cmd" "-y" "a & b""'],
      verbatim: true,
    });
  });

  it.each(['a"b', '%PATH%', 'a!b', 'a^b', 'a\nb', 'a\0b'])('refuses %j to a batch file', (arg) => {
    expect(() => windowsCommandLine('npx.cmd', [arg], 'cmd.exe')).toThrow(/batch file/);
  });
});
