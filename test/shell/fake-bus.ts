import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What the bus answers to the question for a host of tray icons. */
export type BusAnswer = 'host' | 'no-host' | 'no-watcher' | 'refuses' | 'silent' | 'garbage';

/** The bus of one test. */
export interface FakeBus {
  /** As DBUS_SESSION_BUS_ADDRESS has it. */
  readonly address: string;
  heard(): string;
  stop(): void;
}

/** A session bus that knows two answers. Its bytes are written by hand after the D-Bus specification. */
export function startFakeBus(answer: BusAnswer): FakeBus {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-bus-'));
  const path = join(folder, 'bus');
  let heard = '';
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    let begun = false;
    socket.on('data', (chunk) => {
      heard += chunk.toString('latin1');
      if (answer === 'silent') return;
      if (!begun) {
        begun = true;
        socket.write(answer === 'refuses' ? 'REJECTED EXTERNAL\r\n' : 'OK 1234deadbeef\r\n');
        return;
      }
      if (answer === 'garbage') {
        socket.write(Buffer.alloc(70_000, 0x6c));
        return;
      }
      // First the answer to Hello, in a piece of its own with half of what follows.
      const bytes = Buffer.concat([reply(1, stringBody(':1.7'), 's'), ...answers(answer)]);
      socket.write(bytes.subarray(0, 90));
      setImmediate(() => socket.write(bytes.subarray(90)));
    });
  });
  // A socket in the file system is bound when this returns.
  server.listen(path);
  return {
    address: `unix:path=${path},guid=1234`,
    heard: () => heard,
    stop() {
      server.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function answers(answer: BusAnswer): Buffer[] {
  if (answer === 'no-watcher') return [reply(2, stringBody('The name is not activatable'), 's', 3)];
  return [reply(2, Buffer.from([1, 0x62, 0, 0, answer === 'host' ? 1 : 0, 0, 0, 0]), 'v')];
}

function stringBody(text: string): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(text.length);
  return Buffer.concat([length, Buffer.from(`${text}\0`)]);
}

/** METHOD_RETURN (2) or ERROR (3) with the fields that the specification asks for: destination, reply serial, signature, sender. */
function reply(to: number, body: Buffer, type: string, kind = 2): Buffer {
  const fields = Buffer.concat([
    Buffer.from([6, 1, 0x73, 0, 4, 0, 0, 0]),
    Buffer.from(':1.7\0\0\0\0'),
    Buffer.from([5, 1, 0x75, 0, to, 0, 0, 0]),
    Buffer.from([8, 1, 0x67, 0, 1, type.charCodeAt(0), 0, 0]),
    Buffer.from([7, 1, 0x73, 0, 20, 0, 0, 0]),
    Buffer.from('org.freedesktop.DBus\0'),
  ]);
  const head = Buffer.alloc(16);
  head.write('l', 0);
  head[1] = kind;
  head[3] = 1;
  head.writeUInt32LE(body.length, 4);
  head.writeUInt32LE(to + 1, 8);
  head.writeUInt32LE(fields.length, 12);
  return Buffer.concat([head, fields, Buffer.alloc((8 - ((16 + fields.length) % 8)) % 8), body]);
}
