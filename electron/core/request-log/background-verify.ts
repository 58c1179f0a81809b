import { Worker } from 'node:worker_threads';
import { SallyportError } from '../../shared/errors.ts';
import type { Verification, Witness } from './verify-chain.ts';

/** What the worker is started with. */
export interface VerifyJob {
  readonly path: string;
  readonly witness: Witness;
}

/**
 * Checks the chain in a thread of its own with a connection of its own: it takes seconds for a million entries, in which calls
 * go on. @throws SallyportError `log_unreadable`
 */
export async function verifyInWorker(path: string, witness: Witness): Promise<Verification> {
  const job: VerifyJob = { path, witness };
  const worker = new Worker(new URL('./log-verify-worker.ts', import.meta.url), { workerData: job });
  return await new Promise<Verification>((resolve, reject) => {
    const failed = (error: unknown): void => {
      const why = error instanceof Error ? error.message : String(error);
      reject(new SallyportError('log_unreadable', 'app', `The log could not be checked: ${why}.`, { cause: error }));
    };
    worker.once('message', resolve);
    worker.once('error', failed);
    worker.once('exit', () => failed(new Error('the check ended without a result')));
  });
}
