import type { Readable, Writable } from 'node:stream';
import * as z from 'zod';

/** An event of the DevTools protocol. */
export interface CdpEvent {
  readonly method: string;
  readonly params: Record<string, unknown>;
  readonly sessionId: string | undefined;
}

/** The DevTools protocol over Chromium's pipe: messages ended by NUL. When our process dies the pipe closes, and Chromium ends. */
export interface Cdp {
  send(method: string, params?: object, sessionId?: string): Promise<Record<string, unknown>>;
  onEvent(listener: (event: CdpEvent) => void): void;
}

const message = z.object({
  id: z.number().optional(),
  method: z.string().optional(),
  params: z.record(z.string(), z.unknown()).default({}),
  result: z.record(z.string(), z.unknown()).default({}),
  error: z.object({ message: z.string() }).optional(),
  sessionId: z.string().optional(),
});

/** Speaks the protocol over the two ends of the pipe. */
export function createCdp(input: Writable, output: Readable): Cdp {
  const waiting = new Map<number, { resolve(result: Record<string, unknown>): void; reject(error: Error): void }>();
  const listeners: ((event: CdpEvent) => void)[] = [];
  let nextId = 1;
  let rest = Buffer.alloc(0);

  output.on('data', (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk]);
    for (let end = rest.indexOf(0); end >= 0; end = rest.indexOf(0)) {
      const text = rest.subarray(0, end).toString('utf8');
      rest = rest.subarray(end + 1);
      take(message.parse(JSON.parse(text)));
    }
  });
  const ended = (): void => {
    for (const [, { reject }] of waiting) reject(new Error('Chromium has ended.'));
    waiting.clear();
  };
  output.on('close', ended).on('error', ended);
  input.on('error', ended);

  function take(received: z.infer<typeof message>): void {
    if (received.id !== undefined) {
      const request = waiting.get(received.id);
      waiting.delete(received.id);
      if (received.error) request?.reject(new Error(received.error.message));
      else request?.resolve(received.result);
    } else if (received.method) {
      const event = { method: received.method, params: received.params, sessionId: received.sessionId };
      for (const listener of listeners) listener(event);
    }
  }

  return {
    send(method, params = {}, sessionId) {
      return new Promise((resolve, reject) => {
        if (!input.writable) return reject(new Error('Chromium has ended.'));
        const id = nextId++;
        waiting.set(id, { resolve, reject });
        input.write(`${JSON.stringify({ id, method, params, ...(sessionId ? { sessionId } : {}) })}\0`);
      });
    },
    onEvent: (listener) => void listeners.push(listener),
  };
}
