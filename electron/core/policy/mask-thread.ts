import { Worker } from 'node:worker_threads';
import * as z from 'zod';
import type { ResultHandling } from './mask-result.ts';
import type { MaskedText } from './mask-text.ts';

/** What the thread is asked. */
export interface MaskJob {
  readonly id: number;
  readonly text: string;
  readonly handling: ResultHandling;
}

const answerShape = z.object({
  id: z.number(),
  value: z.string().optional(),
  kinds: z.array(z.string()),
  unseen: z.number(),
});

/** Longest time in milliseconds that a text is searched (`security.md` S14): beyond it nobody knows what it holds. */
const limitMs = 60_000;

interface Waiting {
  readonly text: string;
  readonly timer: NodeJS.Timeout;
  resolve(masked: MaskedText): void;
  reject(error: Error): void;
}

let worker: Worker | undefined;
let count = 0;
const waiting = new Map<number, Waiting>();

/**
 * Masks a long text in a thread, so that calls go on meanwhile. One thread for all, begun at the first need.
 * @throws Error where it did not come to an end: then nobody knows what the text holds
 */
export async function maskInThread(text: string, handling: ResultHandling): Promise<MaskedText> {
  worker ??= begin();
  const asked = worker;
  count += 1;
  const id = count;
  return await new Promise<MaskedText>((resolve, reject) => {
    // The thread is stuck: whatever waits behind this text is told so, too.
    const timer = setTimeout(() => void asked.terminate(), limitMs);
    timer.unref();
    waiting.set(id, { text, timer, resolve, reject });
    asked.ref();
    asked.postMessage({ id, text, handling } satisfies MaskJob);
  });
}

function begin(): Worker {
  const started = new Worker(new URL('./mask-worker.ts', import.meta.url));
  // It must not keep the app from ending.
  started.unref();
  started.on('message', (message: unknown) => {
    const { id, value, kinds, unseen } = answerShape.parse(message);
    const one = waiting.get(id);
    waiting.delete(id);
    if (waiting.size === 0) started.unref();
    if (!one) return;
    clearTimeout(one.timer);
    one.resolve({ value: value ?? one.text, kinds, unseen });
  });
  const gone = (error: unknown): void => {
    if (worker === started) worker = undefined;
    for (const [id, { timer, reject }] of [...waiting]) {
      waiting.delete(id);
      clearTimeout(timer);
      reject(new Error('The search for secrets ended early.', { cause: error }));
    }
  };
  started.once('error', gone);
  started.once('exit', () => gone(undefined));
  return started;
}
