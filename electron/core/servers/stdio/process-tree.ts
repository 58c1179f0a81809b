import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

/** A process that cannot be mistaken for a later one with the same number. */
export interface ProcessIdentity {
  readonly pid: number;
  /** When it started, in whatever form this system tells it. */
  readonly start: string;
}

interface ProcessEntry extends ProcessIdentity {
  readonly parent: number;
}

/**
 * All processes below `root`, found by their parents. Needed beside the process group: a program that calls `setsid`
 * (browsers started by test tools do) leaves the group, but keeps its parent while that lives. Empty on Windows, where
 * `taskkill /T` walks the tree itself.
 */
export async function descendantsOf(root: number): Promise<readonly ProcessIdentity[]> {
  const children = Map.groupBy(await listProcesses(), (entry) => entry.parent);
  const found: ProcessEntry[] = [];
  const queue = [root];
  const seen = new Set<number>();
  for (let pid = queue.pop(); pid !== undefined; pid = queue.pop()) {
    if (seen.has(pid)) continue;
    seen.add(pid);
    for (const child of children.get(pid) ?? []) {
      found.push(child);
      queue.push(child.pid);
    }
  }
  return found;
}

/** Kills those that still run, each only if it is the process that was seen. */
export async function killProcesses(processes: readonly ProcessIdentity[]): Promise<void> {
  if (processes.length === 0) return;
  const now = new Map((await listProcesses()).map((entry) => [entry.pid, entry.start]));
  for (const { pid, start } of processes) if (now.get(pid) === start) signalProcess(pid, 'SIGKILL');
}

/** Signals a process, or with a negative number its group. What is gone already is no error. */
export function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // ESRCH: it is gone. EPERM: on macOS, a group that has only zombies left.
  }
}

async function listProcesses(): Promise<readonly ProcessEntry[]> {
  if (process.platform === 'win32') return [];
  if (process.platform === 'linux') return await listFromProc();
  try {
    const { stdout } = await promisify(execFile)('ps', ['-A', '-o', 'pid=', '-o', 'ppid=', '-o', 'lstart='], {
      env: { PATH: '/usr/bin:/bin', LC_ALL: 'C' },
      maxBuffer: 8 * 1024 * 1024,
    });
    return stdout.split('\n').flatMap((line) => {
      const match = /^\s*(\d+)\s+(\d+)\s+(.+?)\s*$/.exec(line);
      return match ? [{ pid: Number(match[1]), parent: Number(match[2]), start: match[3] ?? '' }] : [];
    });
  } catch {
    return [];
  }
}

async function listFromProc(): Promise<readonly ProcessEntry[]> {
  const names = (await readdir('/proc').catch(() => [])).filter((name) => /^\d+$/.test(name));
  const entries = await Promise.all(
    names.map(async (name): Promise<ProcessEntry | undefined> => {
      const line = await readFile(`/proc/${name}/stat`, 'utf8').catch(() => '');
      // proc(5): the name stands in parentheses and may hold any character, so fields count from the last one.
      const fields = line.slice(line.lastIndexOf(')') + 2).split(' ');
      const [parent, start] = [fields[1], fields[19]];
      return parent === undefined || start === undefined
        ? undefined
        : { pid: Number(name), parent: Number(parent), start };
    }),
  );
  return entries.filter((entry) => entry !== undefined);
}
