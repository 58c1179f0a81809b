import { buildMessage, type StructBuilder, type StructReader } from './capnp.ts';

/**
 * The messages of the registration RPC that a connector sends and reads: Cap'n Proto RPC level 1 (`rpc.capnp`) with the
 * interface RegistrationServer of cloudflared's `tunnelrpc.capnp`. Layouts: `(data words / pointers)` at each struct.
 */

/** Interface id of RegistrationServer. */
export const registrationInterface = 0xf71695ec7fe85497n;
/** Its methods. */
export const methods = { register: 0, unregister: 1, updateLocalConfiguration: 2 } as const;
/** Tags of `rpc.capnp` Message. */
export const messageTags = { abort: 1, call: 2, return: 3, finish: 4, release: 6, bootstrap: 8 } as const;

/** What registering one connection takes. */
export interface Registration {
  readonly accountTag: string;
  readonly secret: Uint8Array;
  /** 16 bytes. */
  readonly tunnelId: Uint8Array;
  readonly connIndex: number;
  /** 16 bytes, the same for all connections of this process. */
  readonly clientId: Uint8Array;
  readonly features: readonly string[];
  readonly version: string;
  readonly arch: string;
  readonly previousAttempts: number;
}

/** What the edge answered. */
export type RegistrationAnswer =
  | { readonly ok: true; readonly uuid: string; readonly location: string; readonly remotelyManaged: boolean }
  | { readonly ok: false; readonly cause: string; readonly retryAfterMs: number; readonly shouldRetry: boolean };

/** Bootstrap (1/1): asks for the edge's RegistrationServer. */
export function bootstrapMessage(question: number): Buffer {
  return message(messageTags.bootstrap, (root) => root.struct(0, 1, 1).u32(0, question));
}

/** Call (3/3) of a method, aimed at what the bootstrap question will give. */
export function callMessage(
  question: number,
  bootstrapQuestion: number,
  method: number,
  params: { readonly data: number; readonly pointers: number; fill(params: StructBuilder): void },
): Buffer {
  return message(messageTags.call, (root) => {
    const call = root.struct(0, 3, 3);
    call.u32(0, question);
    call.u16(4, method);
    call.u64(8, registrationInterface);
    const target = call.struct(0, 1, 1);
    target.u16(4, 1);
    target.struct(0, 1, 1).u32(0, bootstrapQuestion);
    params.fill(call.struct(1, 0, 2).struct(0, params.data, params.pointers));
  });
}

/** Finish (1/0): the answer was read. */
export function finishMessage(question: number): Buffer {
  return message(messageTags.finish, (root) => root.struct(0, 1, 0).u32(0, question));
}

/** Parameters of registerConnection (1/3). */
export const registerParams = (given: Registration) => ({
  data: 1,
  pointers: 3,
  fill(params: StructBuilder): void {
    params.u8(0, given.connIndex);
    const auth = params.struct(0, 0, 2);
    auth.text(0, given.accountTag);
    auth.data(1, given.secret);
    params.data(1, given.tunnelId);
    const options = params.struct(2, 1, 2);
    options.u8(2, Math.min(255, given.previousAttempts));
    const client = options.struct(0, 0, 4);
    client.data(0, given.clientId);
    client.texts(1, given.features);
    client.text(2, given.version);
    client.text(3, given.arch);
  },
});

/** Parameters of unregisterConnection (0/0). */
export const unregisterParams = { data: 0, pointers: 0, fill: (): void => undefined };

/** A Return: which question, and its results or why there are none. */
export interface ReturnMessage {
  readonly answer: number;
  readonly results: StructReader | undefined;
  readonly exception: string | undefined;
}

/** Reads a Return (2/1). */
export function readReturn(message: StructReader): ReturnMessage {
  const body = message.struct(0);
  const tag = body?.u16(6);
  const inner = body?.struct(0);
  return {
    answer: body?.u32(0) ?? 0,
    results: tag === 0 ? inner : undefined,
    exception: tag === 0 ? undefined : tag === 1 ? (inner?.text(0) ?? 'no reason given') : 'it was not answered',
  };
}

/** Reads the result of registerConnection out of a Return's Payload. @throws Error where it is none */
export function readRegistration(payload: StructReader | undefined): RegistrationAnswer {
  const response = payload?.struct(0)?.struct(0);
  const inner = response?.struct(0);
  if (!response || !inner) throw new Error('The edge answered the registration with nothing.');
  if (response.u16(0) === 0) {
    return {
      ok: false,
      cause: inner.text(0) ?? '',
      retryAfterMs: Number(inner.u64(0)) / 1e6,
      shouldRetry: (inner.u8(8) & 1) === 1,
    };
  }
  return {
    ok: true,
    uuid: (inner.data(0) ?? Buffer.alloc(0)).toString('hex'),
    location: inner.text(1) ?? '',
    remotelyManaged: (inner.u8(0) & 1) === 1,
  };
}

function message(tag: number, fill: (root: StructBuilder) => void): Buffer {
  return buildMessage(1, 1, (root) => {
    root.u16(0, tag);
    fill(root);
  });
}
