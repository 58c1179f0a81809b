import { constants, type Http2Stream } from 'node:http2';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Clock } from '../../../shared/clock.ts';

/** Time that one direction may stay open and silent after the other ended, in milliseconds. */
export const halfOpenMs = 60_000;

/**
 * Sees what whoever runs an edge could see: each chunk of a public connection, behind every TLS of the edge's own. `up` is
 * from the agent. With it the demo and the tests prove that nothing there can be read (`security.md` S2).
 */
export type Observe = (connection: object, direction: 'up' | 'down', chunk: Buffer) => void;

/** Bytes that went through, counted per direction. */
export interface Relayed {
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** How it ended: both sides in order, or which side broke off. */
  readonly reason: 'ended' | 'public side broke off' | 'tunnel broke off' | 'half-open for too long';
}

/**
 * Carries bytes between a public connection and its stream in the tunnel until both directions have ended: each end is
 * passed on by itself (half-close), back-pressure holds both ways, and a side that breaks off breaks the other off too,
 * as a reset, so that nobody takes a cut for an end.
 * @param options `first` are bytes of the public side that went into the stream already
 */
export function relay(
  outside: Duplex,
  stream: Http2Stream,
  options: { readonly clock: Clock; readonly first?: Buffer; readonly observe?: Observe },
): Promise<Relayed> {
  const { clock, first, observe } = options;
  return new Promise((resolve) => {
    if (first) observe?.(stream, 'up', first);
    let bytesIn = first?.length ?? 0;
    let bytesOut = 0;
    let reason: Relayed['reason'] | undefined;
    let cancelHalfOpen: (() => void) | undefined;
    let movedAt = clock.monotonic();
    let left = 2;

    const breakOff = (why: Relayed['reason']): void => {
      reason ??= why;
      if (!stream.closed) stream.close(constants.NGHTTP2_CANCEL);
      if (outside instanceof Socket && !outside.destroyed) outside.resetAndDestroy();
      else outside.destroy(new Error(why));
    };
    const armHalfOpen = (): void => {
      cancelHalfOpen?.();
      const wait = halfOpenMs - (clock.monotonic() - movedAt);
      if (wait <= 0) breakOff('half-open for too long');
      else cancelHalfOpen = clock.schedule(wait, armHalfOpen);
    };
    const closed = (): void => {
      left -= 1;
      if (left > 0) return;
      cancelHalfOpen?.();
      resolve({ bytesIn, bytesOut, reason: reason ?? 'ended' });
    };

    outside.on('data', (chunk: Buffer) => {
      bytesIn += chunk.length;
      observe?.(stream, 'up', chunk);
      movedAt = clock.monotonic();
    });
    stream.on('data', (chunk: Buffer) => {
      bytesOut += chunk.length;
      observe?.(stream, 'down', chunk);
      movedAt = clock.monotonic();
    });
    outside.pipe(stream);
    outside.once('end', armHalfOpen);
    if (outside.readableEnded) armHalfOpen();
    stream.pipe(outside, { end: false });
    stream.once('end', () => {
      // A reset stream ends its readable side as well: only an orderly end may look like one outside.
      if (stream.rstCode !== constants.NGHTTP2_NO_ERROR) return breakOff('tunnel broke off');
      outside.end();
      armHalfOpen();
    });
    stream.once('close', () => {
      if (stream.rstCode !== constants.NGHTTP2_NO_ERROR || !stream.readableEnded) breakOff('tunnel broke off');
      closed();
    });
    outside.once('close', () => {
      if (!outside.readableEnded || !outside.writableFinished) breakOff('public side broke off');
      closed();
    });
    // Errors are followed by 'close', which does the work; without a listener they would end the process.
    outside.on('error', () => undefined);
    stream.on('error', () => undefined);
    if (outside.destroyed) breakOff('public side broke off');
  });
}
