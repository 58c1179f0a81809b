import { DatabaseSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';
import type { VerifyJob } from './background-verify.ts';
import { verifyChain } from './verify-chain.ts';

// One check, one answer. What it is given comes from our own main thread.
const { path, witness } = workerData as VerifyJob;
const reader = new DatabaseSync(path, { readOnly: true, timeout: 5_000 });
try {
  parentPort?.postMessage(verifyChain(reader, witness));
} finally {
  reader.close();
}
