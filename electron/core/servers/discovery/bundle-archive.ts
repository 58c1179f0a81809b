import { open } from 'node:fs/promises';
import { inflateRawSync } from 'node:zlib';

/** Largest central directory and largest file in bytes that are read. */
const maxDirectory = 8 * 1024 * 1024;
const endSignature = 0x06054b50;
const entrySignature = 0x02014b50;
const localSignature = 0x04034b50;

/**
 * Reads one file of a ZIP archive (APPNOTE 6.3.10, §4.3), stored or deflated, and nothing else of it; the rest is not
 * unpacked. ZIP64 and encryption are not read: no MCP bundle needs them.
 * @throws Error in words for people where it is no such archive, or the file in it is larger than `maxBytes`
 */
export async function readArchived(archive: string, name: string, maxBytes: number): Promise<Buffer> {
  const file = await open(archive, 'r');
  try {
    const { size } = await file.stat();
    const read = async (position: number, length: number): Promise<Buffer> => {
      if (position < 0 || length < 0 || position + length > size) throw new Error('it is cut off');
      const buffer = Buffer.alloc(length);
      const { bytesRead } = await file.read(buffer, 0, length, position);
      if (bytesRead !== length) throw new Error('it is cut off');
      return buffer;
    };
    // The end record is followed by a comment of at most 64 KiB.
    const tailLength = Math.min(size, 22 + 65_535);
    const tail = await read(size - tailLength, tailLength);
    const end = lastIndexOf(tail, endSignature);
    if (end < 0 || end + 22 > tail.length) throw new Error('it is no ZIP archive');
    const directoryLength = tail.readUInt32LE(end + 12);
    if (directoryLength > maxDirectory) throw new Error('it holds too many files');
    const directory = await read(tail.readUInt32LE(end + 16), directoryLength);
    const entry = findEntry(directory, name);
    if (!entry) throw new Error(`it holds no ${name}`);
    if (entry.packed > maxBytes || entry.size > maxBytes) throw new Error(`its ${name} is too large`);
    const local = await read(entry.offset, 30);
    if (local.readUInt32LE(0) !== localSignature) throw new Error('it is damaged');
    const start = entry.offset + 30 + local.readUInt16LE(26) + local.readUInt16LE(28);
    const packed = await read(start, entry.packed);
    if (entry.method === 0) return packed;
    if (entry.method !== 8) throw new Error(`its ${name} is packed in a way that is not read`);
    return inflateRawSync(packed, { maxOutputLength: maxBytes });
  } finally {
    await file.close();
  }
}

interface ArchiveEntry {
  readonly method: number;
  readonly packed: number;
  readonly size: number;
  readonly offset: number;
}

function findEntry(directory: Buffer, name: string): ArchiveEntry | undefined {
  for (let at = 0; at + 46 <= directory.length && directory.readUInt32LE(at) === entrySignature; ) {
    const nameLength = directory.readUInt16LE(at + 28);
    const rest = directory.readUInt16LE(at + 30) + directory.readUInt16LE(at + 32);
    if (directory.toString('utf8', at + 46, at + 46 + nameLength) === name) {
      return {
        method: directory.readUInt16LE(at + 10),
        packed: directory.readUInt32LE(at + 20),
        size: directory.readUInt32LE(at + 24),
        offset: directory.readUInt32LE(at + 42),
      };
    }
    at += 46 + nameLength + rest;
  }
  return undefined;
}

function lastIndexOf(buffer: Buffer, signature: number): number {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(signature);
  return buffer.lastIndexOf(bytes);
}
