import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { onTestFinished } from 'vitest';
import { fixture } from './station.ts';

/** What {@link readStream} saw. */
export interface StreamRead {
  readonly answered: boolean;
  readonly events: number;
  readonly bytes: number;
  /** Bytes by which the reader's resident memory grew at most. */
  readonly grown: number;
}

/** Starts the streaming server in a process of its own, for this test. @returns its address */
export async function startStreaming(): Promise<string> {
  const child: ChildProcess = spawn(process.execPath, [fixture('streaming-http.ts')], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  onTestFinished(async () => {
    const gone = once(child, 'exit');
    child.stdin?.end();
    await gone;
  });
  const [line] = (await once(child.stdout ?? child, 'data')) as [Buffer];
  return line.toString().trim();
}

/** Reads so many mebibytes in a process of its own, so that nothing else is in its memory. */
export async function readStream(url: string, mebibytes: number): Promise<StreamRead> {
  const child = spawn(process.execPath, [fixture('streaming-reader.ts'), url, String(mebibytes)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return JSON.parse(await text(child.stdout)) as StreamRead;
}
