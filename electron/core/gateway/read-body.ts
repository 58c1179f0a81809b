import type { Clock } from '../../shared/clock.ts';
import { SallyportError } from '../../shared/errors.ts';
import type { Exchange } from './exchange.ts';

/** Largest request body in bytes (`design.md` §7). */
export const maxBody = 4 * 1024 * 1024;
const bodyMs = 30_000;

/**
 * Reads a whole body.
 * @throws SallyportError at hop `agent`: `body_too_large`, `body_too_slow`, `body_cut`
 */
export function readBody(exchange: Exchange, clock: Clock): Promise<Buffer> {
  const announced = Number(exchange.header('content-length') ?? 0);
  const tooLarge = (): SallyportError =>
    new SallyportError('body_too_large', 'agent', `The body is over ${maxBody / 1024 / 1024} MiB.`);
  if (announced > maxBody) return Promise.reject(tooLarge());
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const chunks: Buffer[] = [];
  let size = 0;
  const { body } = exchange;
  const done = (): void => {
    stopTimer();
    body.off('data', onData);
    body.off('end', onEnd);
    body.off('close', onCut);
    body.pause();
  };
  const onData = (chunk: Buffer): void => {
    size += chunk.length;
    if (size > maxBody) {
      done();
      reject(tooLarge());
      return;
    }
    chunks.push(chunk);
  };
  const onEnd = (): void => {
    done();
    resolve(Buffer.concat(chunks));
  };
  const onCut = (): void => {
    done();
    reject(new SallyportError('body_cut', 'agent', 'The body ended early.'));
  };
  const stopTimer = clock.schedule(bodyMs, () => {
    done();
    reject(new SallyportError('body_too_slow', 'agent', 'The body took too long.'));
  });
  body.on('data', onData);
  body.on('end', onEnd);
  body.on('close', onCut);
  return promise;
}
