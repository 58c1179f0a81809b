import { access, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * What of cloudflared is on this machine besides ours, in words: configurations of the person's own, where it looks for them
 * by itself, and programs that run.
 * @param home the person's home folder
 * @param processes where the system tells of its processes: Linux' `/proc`; elsewhere nothing is known of them
 */
export async function otherCloudflareds(home: string | undefined, processes = '/proc'): Promise<readonly string[]> {
  const [files, running] = await Promise.all([configurations(home), foreign(processes)]);
  return [
    ...files.map((file) => `${file} is not used: this cloudflared runs with a configuration of its own.`),
    ...running.map(
      (pid) =>
        `Another cloudflared runs here (process ${pid}). It is left alone; if it serves the same tunnel, part of the requests go to it: stop it.`,
    ),
  ];
}

async function configurations(home: string | undefined): Promise<readonly string[]> {
  const folders = [
    ...(home === undefined ? [] : ['.cloudflared', '.cloudflare-warp', 'cloudflare-warp'].map((f) => join(home, f))),
    '/etc/cloudflared',
    '/usr/local/etc/cloudflared',
  ];
  const files = folders.flatMap((folder) => [join(folder, 'config.yml'), join(folder, 'config.yaml')]);
  const there = await Promise.all(
    files.map((file) =>
      access(file).then(
        () => true,
        () => false,
      ),
    ),
  );
  return files.filter((_, index) => there[index]);
}

/** Processes of that name that this app is no ancestor of. */
async function foreign(processes: string): Promise<readonly number[]> {
  const names = (await readdir(processes).catch(() => [])).filter((name) => /^[0-9]+$/.test(name));
  const all = new Map(
    (await Promise.all(names.map((name) => readStat(processes, name)))).flatMap((one) => (one ? [[one.pid, one]] : [])),
  );
  const ours = (pid: number): boolean => {
    for (let at = all.get(pid), turns = 0; at && turns < 64; at = all.get(at.parent), turns += 1) {
      if (at.pid === process.pid) return true;
    }
    return false;
  };
  return [...all.values()].filter(({ pid, name }) => name === 'cloudflared' && !ours(pid)).map(({ pid }) => pid);
}

async function readStat(
  processes: string,
  entry: string,
): Promise<{ pid: number; name: string; parent: number } | undefined> {
  const line = await readFile(join(processes, entry, 'stat'), 'utf8').catch(() => '');
  // proc(5): the name stands in parentheses and may hold any character, so it ends at the last one.
  const match = /^[0-9]+ \((.*)\) \S ([0-9]+) /s.exec(line);
  return match ? { pid: Number(entry), name: match[1] ?? '', parent: Number(match[2]) } : undefined;
}
