import { connect, type Socket } from 'node:net';

/** Where the session bus listens, as `DBUS_SESSION_BUS_ADDRESS` says it (D-Bus specification, "Server Addresses"). */
export function busSocketPath(address: string | undefined): string | undefined {
  for (const one of (address ?? '').split(';')) {
    const [kind, rest = ''] = one.split(/:(.*)/s);
    if (kind !== 'unix') continue;
    for (const pair of rest.split(',')) {
      const [key, value = ''] = pair.split(/=(.*)/s);
      if (key === 'path') return unescapeValue(value);
      // The abstract namespace of Linux is written with a leading NUL for connect(2).
      if (key === 'abstract') return `\0${unescapeValue(value)}`;
    }
  }
  return undefined;
}

function unescapeValue(value: string): string {
  return value.replace(/%([0-9a-fA-F]{2})/g, (_all, code: string) => String.fromCharCode(Number.parseInt(code, 16)));
}

const answerWithinMs = 2_000;
const maxAnswerBytes = 65_536;

/**
 * Whether somebody on this desktop shows tray icons: the property `IsStatusNotifierHostRegistered` of
 * `org.kde.StatusNotifierWatcher` on the session bus. Any failure means no: a tray that nobody shows must not be the only
 * way back to the window.
 */
export async function hasTrayHost(address: string | undefined, uid: number): Promise<boolean> {
  const path = busSocketPath(address);
  if (path === undefined) return false;
  const socket = connect(path);
  try {
    return await Promise.race([
      ask(socket, uid),
      new Promise<boolean>((resolve) => setTimeout(resolve, answerWithinMs, false).unref()),
    ]);
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

const helloSerial = 1;
const getSerial = 2;

async function ask(socket: Socket, uid: number): Promise<boolean> {
  const user = Buffer.from(String(uid)).toString('hex');
  socket.write(`\0AUTH EXTERNAL ${user}\r\n`);
  let buffered = Buffer.alloc(0);
  let greeted = false;
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    buffered = Buffer.concat([buffered, chunk]);
    if (buffered.length > maxAnswerBytes) return false;
    if (!greeted) {
      const end = buffered.indexOf('\r\n');
      if (end < 0) continue;
      if (!buffered.toString('latin1', 0, end).startsWith('OK ')) return false;
      buffered = buffered.subarray(end + 2);
      greeted = true;
      socket.write(
        Buffer.concat([
          Buffer.from('BEGIN\r\n'),
          methodCall(helloSerial, ['org.freedesktop.DBus', '/org/freedesktop/DBus', 'org.freedesktop.DBus', 'Hello']),
          methodCall(
            getSerial,
            ['org.kde.StatusNotifierWatcher', '/StatusNotifierWatcher', 'org.freedesktop.DBus.Properties', 'Get'],
            ['org.kde.StatusNotifierWatcher', 'IsStatusNotifierHostRegistered'],
          ),
        ]),
      );
    }
    for (let message = takeMessage(buffered); message; message = takeMessage(buffered)) {
      buffered = buffered.subarray(message.length);
      if (message.replyTo !== getSerial) continue;
      // A variant: signature "b" (1, 'b', 0), padded to 4, then the boolean.
      return message.isReturn && message.body.length >= 8 && message.body[1] === 0x62 && message.body[4] === 1;
    }
  }
  return false;
}

/** A METHOD_CALL in little-endian marshalling (D-Bus specification, "Message Protocol"). Arguments are strings. */
function methodCall(
  serial: number,
  [destination, path, iface, member]: readonly [string, string, string, string],
  args: readonly string[] = [],
): Buffer {
  const body = args.reduce<Buffer>((before, arg) => Buffer.concat([pad(before, 4), string(arg)]), Buffer.alloc(0));
  const fields: readonly (readonly [number, string, Buffer])[] = [
    [1, 'o', string(path)],
    [2, 's', string(iface)],
    [3, 's', string(member)],
    [6, 's', string(destination)],
    ...(args.length > 0 ? ([[8, 'g', signature('s'.repeat(args.length))]] as const) : []),
  ];
  let array = Buffer.alloc(0);
  for (const [code, type, value] of fields) {
    const head = Buffer.concat([pad(array, 8), Buffer.from([code]), signature(type)]);
    array = Buffer.concat([type === 'g' ? head : pad(head, 4), value]);
  }
  const fixed = Buffer.alloc(16);
  fixed.write('l', 0);
  fixed[1] = 1;
  fixed[3] = 1;
  fixed.writeUInt32LE(body.length, 4);
  fixed.writeUInt32LE(serial, 8);
  fixed.writeUInt32LE(array.length, 12);
  return Buffer.concat([pad(Buffer.concat([fixed, array]), 8), body]);
}

function string(text: string): Buffer {
  const bytes = Buffer.from(text);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(bytes.length);
  return Buffer.concat([length, bytes, Buffer.from([0])]);
}

function signature(text: string): Buffer {
  return Buffer.from([text.length, ...Buffer.from(text), 0]);
}

function pad(bytes: Buffer, to: number): Buffer {
  return Buffer.concat([bytes, Buffer.alloc((to - (bytes.length % to)) % to)]);
}

interface Message {
  readonly length: number;
  readonly isReturn: boolean;
  readonly replyTo: number | undefined;
  readonly body: Buffer;
}

/** The first whole message in the buffer: its kind, what it answers (header field 5), and its body. */
function takeMessage(buffered: Buffer): Message | undefined {
  if (buffered.length < 16) return undefined;
  const little = buffered[0] === 0x6c;
  const number = (at: number): number => (little ? buffered.readUInt32LE(at) : buffered.readUInt32BE(at));
  const bodyLength = number(4);
  const headerEnd = 16 + number(12);
  const bodyStart = Math.ceil(headerEnd / 8) * 8;
  if (buffered.length < bodyStart + bodyLength) return undefined;
  let replyTo: number | undefined;
  let at = 16;
  while (at + 8 <= headerEnd) {
    const code = buffered[at];
    const type = String.fromCharCode(buffered[at + 2] ?? 0);
    // Code, signature (length, one letter, NUL): the value begins at the next multiple of four; a signature at once.
    const value = at + 4;
    if (code === 5 && type === 'u') replyTo = number(value);
    if (type === 'u') at = value + 4;
    else if (type === 'g') at = value + 2 + (buffered[value] ?? 0);
    else at = value + 5 + number(value);
    at = Math.ceil(at / 8) * 8;
  }
  const body = buffered.subarray(bodyStart, bodyStart + bodyLength);
  // A variant's number is in the byte order of its message.
  const inOrder = little || body.length < 8 ? body : Buffer.concat([body.subarray(0, 4), Buffer.from([body[7] ?? 0])]);
  return { length: bodyStart + bodyLength, isReturn: buffered[1] === 2, replyTo, body: padTo(inOrder, bodyLength) };
}

function padTo(bytes: Buffer, length: number): Buffer {
  return bytes.length >= length ? bytes : Buffer.concat([bytes, Buffer.alloc(length - bytes.length)]);
}
