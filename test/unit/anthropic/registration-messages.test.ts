import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import {
  buildMessage,
  createMessageReader,
  readRoot,
} from '../../../electron/core/tunnel/connectors/anthropic/native/capnp.ts';
import {
  bootstrapMessage,
  callMessage,
  finishMessage,
  type Registration,
  readRegistration,
  readReturn,
  registerParams,
  unregisterParams,
} from '../../../electron/core/tunnel/connectors/anthropic/native/registration-messages.ts';
import { bootstrapAnswer, errorAnswer, registeredAnswer } from '../../fixtures/cloudflare-edge/rpc-answers.ts';

const registration: Registration = {
  accountTag: 'acc-tag',
  secret: Buffer.from('0123456789abcdef', 'hex'),
  tunnelId: Buffer.alloc(16, 0x11),
  connIndex: 3,
  clientId: Buffer.alloc(16, 0x22),
  features: ['serialized_headers', 'x'],
  version: '2026.8.2',
  arch: 'linux_amd64',
  previousAttempts: 7,
};

/** Registration as `tunnelrpc.capnp` lays it out; the names are ours. */
const schema = `@0xbf5147cbbecf40c1;
struct Auth { accountTag @0 :Text; secret @1 :Data; }
struct Client { clientId @0 :Data; features @1 :List(Text); version @2 :Text; arch @3 :Text; }
struct Options { client @0 :Client; originLocalIp @1 :Data; replaceExisting @2 :Bool; compressionQuality @3 :UInt8; numPreviousAttempts @4 :UInt8; }
struct Params { auth @0 :Auth; tunnelId @1 :Data; connIndex @2 :UInt8; options @3 :Options; }
`;
const rpcSchema = '/usr/include/capnp/rpc.capnp';
const referee = spawnSync('capnp', ['--version']).status === 0;
const folder = mkdtempSync(join(tmpdir(), 'sallyport-capnp-'));
writeFileSync(join(folder, 'params.capnp'), schema);
afterAll(() => rmSync(folder, { recursive: true }));

/** What Cap'n Proto's C++ implementation reads in a message. */
function decode(file: string, type: string, message: Buffer): string {
  const { stdout, stderr, status } = spawnSync('capnp', ['decode', file, type], { input: message });
  if (status !== 0) throw new Error(String(stderr));
  return String(stdout).replace(/\s+/g, ' ');
}

describe.skipIf(!referee)(`read by Cap’n Proto’s own tool${referee ? '' : ' (skipped: no capnp here)'}`, () => {
  test('the parameters of a registration', () => {
    const params = registerParams(registration);
    const text = decode(
      join(folder, 'params.capnp'),
      'Params',
      buildMessage(params.data, params.pointers, params.fill),
    );
    expect(text).toContain('accountTag = "acc-tag"');
    expect(text).toContain('secret = "\\001#Eg\\211\\253\\315\\357"');
    expect(text).toContain('connIndex = 3');
    expect(text).toContain('features = ["serialized_headers", "x"], version = "2026.8.2", arch = "linux_amd64"');
    expect(text).toContain('replaceExisting = false, compressionQuality = 0, numPreviousAttempts = 7');
  });

  test('the messages around them', () => {
    expect(decode(rpcSchema, 'Message', bootstrapMessage(5))).toContain('bootstrap = (questionId = 5');
    const call = decode(rpcSchema, 'Message', callMessage(9, 5, 0, registerParams(registration)));
    expect(call).toContain('call = ( questionId = 9, target = ( promisedAnswer = (questionId = 5');
    expect(call).toContain('interfaceId = 17804583019846587543, methodId = 0');
    expect(decode(rpcSchema, 'Message', callMessage(2, 0, 1, unregisterParams))).toContain('methodId = 1');
    expect(decode(rpcSchema, 'Message', finishMessage(9))).toContain(
      'finish = (questionId = 9, releaseResultCaps = true',
    );
    expect(decode(rpcSchema, 'Message', errorAnswer(4, 'EDUPCONN'))).toContain(
      'answerId = 4, releaseParamCaps = false',
    );
  });
});

describe('registration messages', () => {
  test('answers that C++ accepted are read', () => {
    const read = (message: Buffer) => {
      const [segments] = createMessageReader()(message);
      return readReturn(readRoot(segments ?? []));
    };
    expect(read(bootstrapAnswer(6)).answer).toBe(6);
    const registered = read(registeredAnswer(9));
    expect(registered.answer).toBe(9);
    expect(readRegistration(registered.results)).toEqual({
      ok: true,
      uuid: 'aa'.repeat(16),
      location: 'LAB',
      remotelyManaged: true,
    });
    expect(readRegistration(read(errorAnswer(1, 'Unauthorized: no')).results)).toEqual({
      ok: false,
      cause: 'Unauthorized: no',
      retryAfterMs: 5_000,
      shouldRetry: true,
    });
  });

  test('a stream is cut into messages wherever its pieces end, and garbage is refused', () => {
    const stream = Buffer.concat([registeredAnswer(1), bootstrapAnswer(2), finishMessage(3)]);
    const take = createMessageReader();
    const messages = [...stream].flatMap((byte) => take(Buffer.from([byte])));
    expect(messages.length).toBe(3);
    expect(() => createMessageReader()(Buffer.alloc(8, 0xff))).toThrow();
    for (let at = 8; at < stream.length; at += 3) {
      const broken = Buffer.from(registeredAnswer(1));
      if (at >= broken.length) break;
      broken[at] = 0xff;
      // Whatever comes of it: an answer or an error, never a hang or a read beyond the message.
      try {
        const [segments] = createMessageReader()(broken);
        readRegistration(readReturn(readRoot(segments ?? [])).results);
      } catch (error) {
        expect(error).toBeInstanceOf(Error);
      }
    }
  });
});
