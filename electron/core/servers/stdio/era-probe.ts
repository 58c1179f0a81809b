import { readDiscover } from '../era.ts';
import { openLink, type StdioSessionOptions } from './stdio-session.ts';

/**
 * Finds out a stdio server's era with `server/discover` on a child made for that alone: some legacy servers exit on the
 * unknown request (`reference/mcp.md` §1.6). Anything but a modern answer, silence included, means legacy.
 * @param options.startMs how long silence may last
 * @returns whether the server speaks our modern revision
 * @throws ServerFailure `server_not_ready` only if the command cannot be started at all
 */
export async function probeStdio(options: Omit<StdioSessionOptions, 'modern' | 'onStderr'>): Promise<boolean> {
  // What the throw-away child says is dropped: the child that follows says it again.
  const link = await openLink({ ...options, modern: true, onStderr: () => {} });
  try {
    const wait = { timeoutMs: options.startMs, signal: options.signal };
    const answer = await link.conversation.request('server/discover', undefined, wait);
    // Also a modern error means legacy here: a modern server that does not speak our revision may speak an old one.
    return 'result' in answer && readDiscover(answer.result) !== undefined;
  } catch {
    return false;
  } finally {
    await link.stop(0);
  }
}
