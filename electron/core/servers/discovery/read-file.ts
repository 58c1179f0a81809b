import { constants } from 'node:fs';
import { open } from 'node:fs/promises';

/**
 * Reads a small text file of another program: never written, never locked, never waited for (a FIFO is refused).
 * @returns `undefined` where there is none
 * @throws Error in words for people: it is no file, too large, no UTF-8, or may not be read
 */
export async function readSmallFile(path: string, maxBytes: number): Promise<string | undefined> {
  let file: Awaited<ReturnType<typeof open>>;
  try {
    // Without O_NONBLOCK, opening a FIFO that nobody writes to would never come back.
    file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  } catch (thrown) {
    const code = thrown instanceof Error && 'code' in thrown ? thrown.code : undefined;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw new Error(code === 'EACCES' || code === 'EPERM' ? 'it may not be read' : `it cannot be opened (${code})`);
  }
  try {
    const stat = await file.stat();
    if (!stat.isFile()) throw new Error('it is no file');
    if (stat.size > maxBytes) throw new Error(`it is larger than ${Math.round(maxBytes / 1024 / 1024)} MiB`);
    const buffer = Buffer.alloc(stat.size);
    const { bytesRead } = await file.read(buffer, 0, stat.size, 0);
    try {
      return new TextDecoder('utf-8', { fatal: true }).decode(buffer.subarray(0, bytesRead));
    } catch {
      throw new Error('it is not UTF-8');
    }
  } finally {
    await file.close();
  }
}
