import WebSocket from 'ws';
import { createFrameClient } from '../electron/core/fronts/frame-client.ts';
import type { ContractClient } from '../electron/shared/contract.ts';
import { SallyportError } from '../electron/shared/errors.ts';

/** The test front: the contract over the browser front's WebSocket, as a page would speak it. */
export interface TestContractClient extends ContractClient {
  close(): Promise<void>;
  /** Close code of the WebSocket, when it is over. */
  readonly closed: Promise<number>;
}

/**
 * Connects like a page that was opened at `url`.
 * @param url as the ready line gives it, with the key in the fragment
 */
export async function connectContract(url: string): Promise<TestContractClient> {
  const { host, hash } = new URL(url);
  const key = new URLSearchParams(hash.slice(1)).get('k') ?? '';
  const ws = new WebSocket(`ws://${host}/contract`, { origin: `http://${host}` });
  const frames = createFrameClient((frame) => ws.send(JSON.stringify(frame)));
  const closed = new Promise<number>((resolve) => ws.once('close', (code) => resolve(code)));
  await new Promise<void>((resolve, reject) => {
    ws.once('open', resolve);
    ws.once('error', reject);
  });
  ws.on('error', () => ws.terminate());
  ws.on('message', (data) => frames.receive(JSON.parse(String(data))));
  ws.on('close', (code) => frames.fail(new SallyportError('connection_lost', 'app', `The WebSocket closed: ${code}.`)));
  ws.send(JSON.stringify({ key }));
  return {
    ...frames,
    closed,
    async close() {
      ws.close();
      await closed;
    },
  };
}
