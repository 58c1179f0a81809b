/**
 * As much of Cap'n Proto's encoding (capnproto.org/encoding) as the tunnel's registration needs: structs, text, data, lists
 * of text, in unpacked stream framing. Written are messages of one segment; read are several segments with far pointers.
 */

/** A struct that is being written. Offsets are in bytes from the start of its data section, as the schema lays them out. */
export interface StructBuilder {
  u8(offset: number, value: number): void;
  u16(offset: number, value: number): void;
  u32(offset: number, value: number): void;
  u64(offset: number, value: bigint): void;
  /** A struct behind pointer `index`, with so many words of data and so many pointers. */
  struct(index: number, dataWords: number, pointers: number): StructBuilder;
  text(index: number, value: string): void;
  data(index: number, value: Uint8Array): void;
  texts(index: number, values: readonly string[]): void;
}

const byteElements = 2;
const pointerElements = 6;

/** Builds one message; `fill` gets its root struct. @returns the framed message */
export function buildMessage(dataWords: number, pointers: number, fill: (root: StructBuilder) => void): Buffer {
  let words = Buffer.alloc(64 * 8);
  let used = 1;
  const allocate = (count: number): number => {
    const at = used;
    used += count;
    while (used * 8 > words.length) words = Buffer.concat([words, Buffer.alloc(words.length)]);
    return at;
  };
  const pointStruct = (from: number, to: number, data: number, count: number): void => {
    words.writeInt32LE((to - from - 1) << 2, from * 8);
    words.writeUInt16LE(data, from * 8 + 4);
    words.writeUInt16LE(count, from * 8 + 6);
  };
  const pointList = (from: number, to: number, size: number, count: number): void => {
    words.writeInt32LE(((to - from - 1) << 2) | 1, from * 8);
    words.writeUInt32LE(((count << 3) | size) >>> 0, from * 8 + 4);
  };
  const writeBytes = (from: number, bytes: Uint8Array, count: number): void => {
    const at = allocate(Math.ceil(count / 8));
    words.set(bytes, at * 8);
    pointList(from, at, byteElements, count);
  };
  const writeText = (from: number, value: string): void => {
    const bytes = Buffer.from(value, 'utf8');
    writeBytes(from, bytes, bytes.length + 1);
  };
  const open = (from: number, data: number, count: number): StructBuilder => {
    const start = allocate(data + count);
    pointStruct(from, start, data, count);
    const pointer = (index: number): number => start + data + index;
    return {
      u8: (offset, value) => void words.writeUInt8(value, start * 8 + offset),
      u16: (offset, value) => void words.writeUInt16LE(value, start * 8 + offset),
      u32: (offset, value) => void words.writeUInt32LE(value, start * 8 + offset),
      u64: (offset, value) => void words.writeBigUInt64LE(value, start * 8 + offset),
      struct: (index, childData, childPointers) => open(pointer(index), childData, childPointers),
      text: (index, value) => writeText(pointer(index), value),
      data: (index, value) => writeBytes(pointer(index), value, value.length),
      texts(index, values) {
        const at = allocate(values.length);
        pointList(pointer(index), at, pointerElements, values.length);
        values.forEach((value, position) => {
          writeText(at + position, value);
        });
      },
    };
  };
  fill(open(0, dataWords, pointers));
  const frame = Buffer.alloc(8);
  frame.writeUInt32LE(used, 4);
  return Buffer.concat([frame, words.subarray(0, used * 8)]);
}

/** A struct that was read. What lies beyond what the sender wrote reads as zero, or as absent. */
export interface StructReader {
  u8(offset: number): number;
  u16(offset: number): number;
  u32(offset: number): number;
  u64(offset: number): bigint;
  struct(index: number): StructReader | undefined;
  text(index: number): string | undefined;
  data(index: number): Buffer | undefined;
  texts(index: number): readonly string[];
}

/** Where a pointer leads: segment and word, and the pointer itself. */
interface Target {
  readonly segment: Buffer;
  readonly word: number;
  readonly low: number;
  readonly high: number;
}

const maxDepth = 32;

/**
 * Reads the root struct of one message.
 * @param segments as {@link createMessageReader} gives them
 * @throws Error where a pointer leads out of the message
 */
export function readRoot(segments: readonly Buffer[]): StructReader {
  const first = segments[0];
  const root = first && readStruct(segments, first, 0, 0);
  if (!root) throw new Error('A message without content.');
  return root;
}

function resolve(segments: readonly Buffer[], segment: Buffer, word: number): Target | undefined {
  const low = segment.readInt32LE(word * 8);
  const high = segment.readUInt32LE(word * 8 + 4);
  if (low === 0 && high === 0) return undefined;
  if ((low & 3) !== 2) return { segment, word: word + 1 + (low >> 2), low, high };
  const landing = segments[high];
  if (!landing) throw new Error('A pointer leads to a segment that is not there.');
  const at = low >>> 3;
  if ((low & 4) === 0) return resolve(segments, landing, at);
  // A double landing pad: first where it lies, then what it is.
  const far = landing.readUInt32LE(at * 8);
  const target = segments[landing.readUInt32LE(at * 8 + 4)];
  if (!target) throw new Error('A pointer leads to a segment that is not there.');
  return {
    segment: target,
    word: far >>> 3,
    low: landing.readInt32LE(at * 8 + 8),
    high: landing.readUInt32LE(at * 8 + 12),
  };
}

function readStruct(
  segments: readonly Buffer[],
  segment: Buffer,
  word: number,
  depth: number,
): StructReader | undefined {
  if (depth > maxDepth) throw new Error('A message is nested too deeply.');
  const target = resolve(segments, segment, word);
  if (!target) return undefined;
  if ((target.low & 3) !== 0) throw new Error('A struct was expected.');
  const dataBytes = (target.high & 0xffff) * 8;
  const pointers = target.high >>> 16;
  const start = target.word * 8;
  const end = start + dataBytes + pointers * 8;
  if (start < 0 || end > target.segment.length) throw new Error('A struct reaches beyond its message.');
  const at = (offset: number, size: number): number | undefined =>
    offset + size <= dataBytes ? start + offset : undefined;
  const pointer = (index: number): number | undefined =>
    index < pointers ? target.word + dataBytes / 8 + index : undefined;
  const bytes = (index: number): Buffer | undefined => {
    const from = pointer(index);
    return from === undefined ? undefined : readBytes(segments, target.segment, from);
  };
  return {
    u8(offset) {
      const found = at(offset, 1);
      return found === undefined ? 0 : target.segment.readUInt8(found);
    },
    u16(offset) {
      const found = at(offset, 2);
      return found === undefined ? 0 : target.segment.readUInt16LE(found);
    },
    u32(offset) {
      const found = at(offset, 4);
      return found === undefined ? 0 : target.segment.readUInt32LE(found);
    },
    u64(offset) {
      const found = at(offset, 8);
      return found === undefined ? 0n : target.segment.readBigUInt64LE(found);
    },
    struct(index) {
      const from = pointer(index);
      return from === undefined ? undefined : readStruct(segments, target.segment, from, depth + 1);
    },
    text: (index) => bytes(index)?.subarray(0, -1).toString('utf8'),
    data: bytes,
    texts(index) {
      const from = pointer(index);
      const list = from === undefined ? undefined : resolve(segments, target.segment, from);
      if (!list) return [];
      const count = list.high >>> 3;
      if ((list.low & 3) !== 1 || (list.high & 7) !== pointerElements) throw new Error('A list of text was expected.');
      if (list.word < 0 || (list.word + count) * 8 > list.segment.length) throw new Error('A list is too long.');
      return Array.from({ length: count }, (_, position) =>
        (readBytes(segments, list.segment, list.word + position) ?? Buffer.alloc(1)).subarray(0, -1).toString('utf8'),
      );
    },
  };
}

function readBytes(segments: readonly Buffer[], segment: Buffer, word: number): Buffer | undefined {
  const list = resolve(segments, segment, word);
  if (!list) return undefined;
  if ((list.low & 3) !== 1 || (list.high & 7) !== byteElements) throw new Error('Bytes were expected.');
  const start = list.word * 8;
  const count = list.high >>> 3;
  if (start < 0 || start + count > list.segment.length) throw new Error('Bytes reach beyond their message.');
  return list.segment.subarray(start, start + count);
}

/** Longest message taken, bytes. */
const maxMessage = 65_536;

/**
 * Cuts a byte stream into messages.
 * @returns a function that takes the next bytes and gives the messages that are complete with them, as segments.
 *   @throws Error for a frame that is too large
 */
export function createMessageReader(): (chunk: Buffer) => readonly (readonly Buffer[])[] {
  let rest = Buffer.alloc(0);
  return (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    const messages: Buffer[][] = [];
    for (;;) {
      if (rest.length < 8) return messages;
      const count = rest.readUInt32LE(0) + 1;
      if (count > 16) throw new Error('A message has too many segments.');
      const header = Math.ceil((4 + count * 4) / 8) * 8;
      if (rest.length < header) return messages;
      const sizes = Array.from({ length: count }, (_, index) => rest.readUInt32LE(4 + index * 4) * 8);
      const total = header + sizes.reduce((sum, size) => sum + size, 0);
      if (total > maxMessage) throw new Error('A message is too large.');
      if (rest.length < total) return messages;
      let at = header;
      messages.push(
        sizes.map((size) => {
          const segment = rest.subarray(at, at + size);
          at += size;
          return segment;
        }),
      );
      rest = rest.subarray(total);
    }
  };
}
