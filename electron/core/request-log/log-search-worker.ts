import { DatabaseSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';
import * as z from 'zod';
import { asSallyportError } from '../../shared/errors.ts';
import { listRows, showRow } from './log-reader.ts';
import type { SearchQuestion } from './search.ts';
import { indexPath, openSearchIndex, type SearchIndex } from './search-index.ts';

/** A search waits no longer than this for the index; what is not in it yet is read from the log itself. */
const waitMs = 50;
/** After this long a search gives back what it has, and where to go on. */
const searchMs = 500;

const { path } = z.object({ path: z.string() }).parse(workerData);
const log = new DatabaseSync(path, { readOnly: true, timeout: 5_000 });
let index: SearchIndex | undefined = openOrNone();
let following = false;

function openOrNone(): SearchIndex | undefined {
  try {
    return openSearchIndex(log, indexPath(path));
  } catch {
    return undefined; // A full disk: the log is read without.
  }
}

/** Takes in what is new for at most so long. @returns whether there is more */
function take(milliseconds: number): boolean {
  const end = performance.now() + milliseconds;
  try {
    while (index?.takeMore()) if (performance.now() > end) return true;
  } catch {
    index?.close();
    index = undefined;
  }
  return false;
}

/** Goes on until all is taken in, with room for questions in between. */
function follow(): void {
  following = take(waitMs);
  if (following) setImmediate(follow);
}

parentPort?.on('message', (question: SearchQuestion) => {
  if (question.kind === 'catchUp') {
    if (!following) follow();
    return;
  }
  try {
    if (take(waitMs) && !following) {
      following = true;
      setImmediate(follow);
    }
    const value =
      question.kind === 'list'
        ? listRows(log, question.query, { index, milliseconds: searchMs })
        : showRow(log, question.row, index);
    parentPort?.postMessage({ id: question.id, value });
  } catch (error) {
    const { code, hop, message, hint } = asSallyportError(error);
    parentPort?.postMessage({
      id: question.id,
      value: undefined,
      error: { code, hop, message, ...(hint ? { hint } : {}) },
    });
  }
});
