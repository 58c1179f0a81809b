import type { Duplex } from 'node:stream';
import type { Clock } from '../../../../../shared/clock.ts';
import { SallyportError } from '../../../../../shared/errors.ts';
import { createMessageReader, readRoot, type StructReader } from './capnp.ts';
import {
  bootstrapMessage,
  callMessage,
  finishMessage,
  messageTags,
  methods,
  type Registration,
  type RegistrationAnswer,
  readRegistration,
  readReturn,
  registerParams,
  unregisterParams,
} from './registration-messages.ts';

/** The registration RPC over one control stream. */
export interface RegistrationClient {
  /** @throws SallyportError `edge_registration_failed` at hop `edge` */
  register(registration: Registration): Promise<RegistrationAnswer>;
  /** Says that this connection leaves; settles with the edge's answer, or when the stream is over. */
  unregister(): Promise<void>;
}

const answerMs = 5_000;
const bootstrapQuestion = 0;

/** Speaks the RPC over `stream`; the first message asks for the bootstrap capability, calls are pipelined on it. */
export function createRegistrationClient(stream: Duplex, clock: Clock): RegistrationClient {
  const waiting = new Map<number, { resolve(payload: StructReader | undefined): void; reject(error: Error): void }>();
  let next = 1;
  let over: Error | undefined;
  const take = createMessageReader();

  const end = (error: Error): void => {
    over ??= error;
    for (const { reject } of waiting.values()) reject(over);
    waiting.clear();
  };
  const onMessage = (message: StructReader): void => {
    const tag = message.u16(0);
    if (tag === messageTags.abort) return void end(failed('The edge broke the registration off.'));
    if (tag !== messageTags.return) return;
    const { answer, results, exception } = readReturn(message);
    // The bootstrap question stays open: later calls are aimed at its answer, which a Finish would give up.
    if (answer !== bootstrapQuestion) stream.write(finishMessage(answer));
    const asked = waiting.get(answer);
    if (!asked) return;
    waiting.delete(answer);
    if (exception !== undefined) asked.reject(failed(`The edge answered: ${exception}.`));
    else asked.resolve(results);
  };
  stream.on('data', (chunk: Buffer) => {
    try {
      for (const segments of take(chunk)) onMessage(readRoot(segments));
    } catch (error) {
      end(failed(`The edge sent what is no registration message (${error instanceof Error ? error.message : error}).`));
      stream.destroy();
    }
  });
  stream.on('error', () => end(failed('The control stream broke.')));
  stream.on('close', () => end(failed('The edge closed the control stream.')));
  stream.write(bootstrapMessage(bootstrapQuestion));

  const call = async (method: number, params: Parameters<typeof callMessage>[3]): Promise<StructReader | undefined> => {
    if (over) throw over;
    const question = next;
    next += 1;
    let cancel = (): void => {};
    try {
      return await new Promise<StructReader | undefined>((resolve, reject) => {
        waiting.set(question, { resolve, reject });
        cancel = clock.schedule(answerMs, () => {
          waiting.delete(question);
          reject(failed(`The edge did not answer within ${answerMs / 1_000} s.`));
        });
        stream.write(callMessage(question, bootstrapQuestion, method, params));
      });
    } finally {
      cancel();
    }
  };
  return {
    async register(registration) {
      const payload = await call(methods.register, registerParams(registration));
      try {
        return readRegistration(payload);
      } catch (error) {
        throw failed(error instanceof Error ? error.message : String(error));
      }
    },
    async unregister() {
      await call(methods.unregister, unregisterParams).catch(() => {});
    },
  };
}

function failed(message: string): SallyportError {
  return new SallyportError('edge_registration_failed', 'edge', message, { hint: 'It is tried again by itself.' });
}
