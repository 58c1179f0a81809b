import { parentPort } from 'node:worker_threads';
import { maskText } from './mask-text.ts';
import type { MaskJob } from './mask-thread.ts';

// Texts one after the other. What it is given comes from our own main thread.
parentPort?.on('message', ({ id, text, handling }: MaskJob) => {
  const { value, kinds, unseen } = maskText(text, handling);
  // A text that stays as it is need not travel back.
  parentPort?.postMessage({ id, kinds, unseen, ...(value === text ? {} : { value }) });
});
