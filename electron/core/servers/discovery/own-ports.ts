import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A port on which a program of this person listens for this machine: an address of loopback, or all addresses. */
export interface OwnPort {
  readonly host: '127.0.0.1' | '[::1]';
  readonly port: number;
}

/**
 * Ports on which this user's programs listen, reachable over loopback.
 * @throws Error in words for people where this system does not tell
 */
export async function ownPorts(platform: NodeJS.Platform, uid: number | undefined): Promise<OwnPort[]> {
  if (platform === 'linux' && uid !== undefined) {
    const [v4, v6] = await Promise.all(
      ['/proc/net/tcp', '/proc/net/tcp6'].map((file) => readFile(file, 'utf8').catch(() => '')),
    );
    return unique([...listeningPorts(v4 ?? '', uid), ...listeningPorts(v6 ?? '', uid)]);
  }
  if (platform === 'darwin' && uid !== undefined) {
    const args = ['-nP', '-iTCP', '-sTCP:LISTEN', '-a', '-u', String(uid), '-Fn'];
    const { stdout } = await run('/usr/sbin/lsof', args, { timeout: 10_000, maxBuffer: 4 * 1024 * 1024 }).catch(() => ({
      stdout: '',
    }));
    return unique(portsOfLsof(stdout));
  }
  throw new Error('This system does not tell whose ports are whose: add the server by its URL instead.');
}

/** Listening sockets of one user in the text of `/proc/net/tcp` or `tcp6` (proc_net_tcp in the kernel's documentation). */
export function listeningPorts(table: string, uid: number): OwnPort[] {
  return table.split('\n').flatMap((line): OwnPort[] => {
    const fields = line.trim().split(/\s+/);
    const [address, hexPort] = (fields[1] ?? '').split(':');
    if (fields[3] !== '0A' || fields[7] !== String(uid) || !address || !hexPort) return [];
    const port = Number.parseInt(hexPort, 16);
    if (/^(?:0100007F|00000000|0{32}|0{16}FFFF00000100007F)$/i.test(address)) return [{ host: '127.0.0.1', port }];
    return /^0{24}01000000$/.test(address) ? [{ host: '[::1]', port }] : [];
  });
}

/** Listening sockets in the output of `lsof -Fn`. */
export function portsOfLsof(output: string): OwnPort[] {
  return output.split('\n').flatMap((line): OwnPort[] => {
    const match = /^n(\*|127\.0\.0\.1|\[::1\]):([0-9]{1,5})$/.exec(line);
    if (!match) return [];
    return [{ host: match[1] === '[::1]' ? '[::1]' : '127.0.0.1', port: Number(match[2]) }];
  });
}

function unique(ports: readonly OwnPort[]): OwnPort[] {
  const byPort = new Map<number, OwnPort>();
  for (const each of ports) if (!byPort.has(each.port) || each.host === '127.0.0.1') byPort.set(each.port, each);
  return [...byPort.values()].sort((a, b) => a.port - b.port);
}
