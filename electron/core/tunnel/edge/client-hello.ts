import type { Duplex } from 'node:stream';
import type { Clock } from '../../../shared/clock.ts';
import { type AlertName, alerts } from './tls-alert.ts';

/** What a ClientHello says about where it wants to go. */
export interface ClientHello {
  /** Host name of the server_name extension (RFC 6066), lower case; absent without SNI. */
  readonly serverName?: string;
  /** Protocols of the ALPN extension (RFC 7301) in the client's order; empty without it. */
  readonly alpn: readonly string[];
}

/** Outcome of reading the first bytes of a connection. */
export type HelloParse =
  | { readonly state: 'incomplete' }
  | { readonly state: 'complete'; readonly hello: ClientHello }
  | { readonly state: 'invalid'; readonly alert: AlertName; readonly why: string };

/** Most bytes read while looking for a ClientHello. */
export const maxHelloBytes = 16 * 1_024;

/** Milliseconds within which a ClientHello must be there. */
export const helloTimeoutMs = 5_000;

/** A connection whose first bytes are no usable ClientHello. */
export class ClientHelloError extends Error {
  override readonly name = 'ClientHelloError';
  /** Alert to answer with; absent where nobody is there to read one (closed, too slow). */
  readonly alert: AlertName | undefined;

  constructor(message: string, alert?: AlertName) {
    super(message);
    this.alert = alert;
  }
}

/**
 * Reads a ClientHello (RFC 8446 §4.1.2) from the first bytes of a connection, whatever records it is spread over.
 * Looks at server_name and ALPN alone and accepts whatever else TLS may bring.
 */
export function parseClientHello(bytes: Buffer): HelloParse {
  const handshake: Buffer[] = [];
  let have = 0;
  let need: number | undefined;
  let offset = 0;
  while (need === undefined || have < need) {
    const header = bytes.subarray(offset, offset + 5);
    if (header.length > 0 && header[0] !== 22) return invalid('unexpected_message', 'not a TLS handshake');
    if (header.length > 1 && header[1] !== 3) return invalid('protocol_version', 'not TLS 1.x');
    if (header.length < 5) return { state: 'incomplete' };
    const length = header.readUInt16BE(3);
    if (length === 0 || length > 16_384) return invalid('decode_error', 'a record of forbidden length');
    const part = bytes.subarray(offset + 5, offset + 5 + length);
    handshake.push(part);
    have += part.length;
    offset += 5 + length;
    if (need === undefined && have >= 4) {
      const head = Buffer.concat(handshake);
      if (head[0] !== 1) return invalid('unexpected_message', 'a handshake that does not begin with ClientHello');
      need = 4 + head.readUIntBE(1, 3);
      if (need > maxHelloBytes) return invalid('decode_error', 'a ClientHello that is too long');
    }
    if (part.length < length && (need === undefined || have < need)) return { state: 'incomplete' };
  }
  try {
    return { state: 'complete', hello: readHello(Buffer.concat(handshake).subarray(4, need)) };
  } catch (error) {
    if (error instanceof RangeError) return invalid('decode_error', 'a ClientHello that is cut short or wrong');
    throw error;
  }
}

/**
 * Waits for the ClientHello of a connection and leaves its bytes where they were: whoever reads the stream next meets
 * them all, untouched.
 * @returns what it says, and the bytes read so far (they are also back in the stream)
 * @throws ClientHelloError where the stream ends, errs, is too slow or brings something else
 */
export function peekClientHello(
  stream: Duplex,
  options: { readonly clock: Clock; readonly timeoutMs?: number },
): Promise<ClientHello> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const settle = (outcome: ClientHello | ClientHelloError): void => {
      cancel();
      stream.off('readable', read);
      stream.off('end', ended);
      stream.off('error', ended);
      stream.off('close', ended);
      if (outcome instanceof ClientHelloError) reject(outcome);
      else {
        stream.unshift(Buffer.concat(chunks));
        resolve(outcome);
      }
    };
    const read = (): void => {
      for (let chunk: Buffer | null = stream.read(); chunk !== null; chunk = stream.read()) {
        chunks.push(chunk);
        size += chunk.length;
      }
      if (size === 0) return;
      const parse = parseClientHello(Buffer.concat(chunks));
      if (parse.state === 'complete') settle(parse.hello);
      else if (parse.state === 'invalid') settle(new ClientHelloError(parse.why, parse.alert));
      else if (size > maxHelloBytes) settle(new ClientHelloError('a ClientHello that is too long', 'decode_error'));
    };
    const ended = (): void => settle(new ClientHelloError('closed before a ClientHello came'));
    const cancel = options.clock.schedule(options.timeoutMs ?? helloTimeoutMs, () =>
      settle(new ClientHelloError('no ClientHello in time')),
    );
    stream.on('readable', read);
    stream.on('end', ended);
    stream.on('error', ended);
    stream.on('close', ended);
    read();
  });
}

function invalid(alert: AlertName, why: string): HelloParse {
  return { state: 'invalid', alert: alert in alerts ? alert : 'decode_error', why };
}

/** Reads the body behind the four-byte handshake header. @throws RangeError where a length does not fit */
function readHello(body: Buffer): ClientHello {
  let at = 2 + 32; // legacy_version, random
  at += 1 + take(body, at, 1); // legacy_session_id
  at += 2 + take(body, at, 2); // cipher_suites
  at += 1 + take(body, at, 1); // legacy_compression_methods
  if (at === body.length) return { alpn: [] };
  const end = at + 2 + take(body, at, 2);
  at += 2;
  let serverName: string | undefined;
  let alpn: readonly string[] = [];
  const seen = new Set<number>();
  while (at < end) {
    const type = body.readUInt16BE(at);
    const length = take(body, at + 2, 2);
    const data = body.subarray(at + 4, at + 4 + length);
    at += 4 + length;
    if (at > end) throw new RangeError('extension longer than its list');
    if (type !== 0 && type !== 16) continue;
    if (seen.has(type)) throw new RangeError('extension given twice');
    seen.add(type);
    if (type === 0) serverName = readServerName(data);
    else alpn = readAlpn(data);
  }
  return { ...(serverName === undefined ? {} : { serverName }), alpn };
}

/** Length field of `bytes` bytes at `at`, checked to fit into the buffer. */
function take(buffer: Buffer, at: number, bytes: 1 | 2): number {
  const length = buffer.readUIntBE(at, bytes);
  if (at + bytes + length > buffer.length) throw new RangeError('length beyond the message');
  return length;
}

function readServerName(data: Buffer): string | undefined {
  const end = 2 + take(data, 0, 2);
  for (let at = 2; at < end; ) {
    const type = data.readUInt8(at);
    const length = take(data, at + 1, 2);
    const name = data.toString('latin1', at + 3, at + 3 + length).toLowerCase();
    at += 3 + length;
    if (type !== 0) continue;
    if (!/^[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*$/.test(name) || name.length > 253) {
      throw new RangeError('server name is no host name');
    }
    return name;
  }
  return undefined;
}

function readAlpn(data: Buffer): readonly string[] {
  const end = 2 + take(data, 0, 2);
  const protocols: string[] = [];
  for (let at = 2; at < end; ) {
    const length = take(data, at, 1);
    if (length === 0) throw new RangeError('empty protocol name');
    protocols.push(data.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  return protocols;
}
