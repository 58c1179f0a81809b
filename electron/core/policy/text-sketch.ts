/** Characters that are looked at together. */
const gram = 6;
/** Grams of a piece that are asked for: enough that chance rarely has them all. */
const asked = 8;

/**
 * A sketch of a text (a Bloom filter over its runs of six characters) that tells cheaply that a piece is not in it. Searching a
 * session's whole history for every argument would take milliseconds; most arguments were never seen anywhere.
 * @returns whether the piece may be in the text; false is certain
 */
export function mayHold(text: string): (piece: string) => boolean {
  const bits = 1 << Math.max(10, Math.ceil(Math.log2(text.length * 8 + 1)));
  const mask = bits - 1;
  const filter = new Uint32Array(bits >>> 5);
  for (let at = 0; at + gram <= text.length; at += 1) {
    const hash = hashAt(text, at) & mask;
    filter[hash >>> 5] = (filter[hash >>> 5] ?? 0) | (1 << (hash & 31));
  }
  return (piece) => {
    const last = piece.length - gram;
    if (last < 0) return true;
    const step = Math.max(1, Math.floor(last / asked));
    for (let at = 0; at <= last; at += step) {
      const hash = hashAt(piece, at) & mask;
      if (((filter[hash >>> 5] ?? 0) & (1 << (hash & 31))) === 0) return false;
    }
    return true;
  };
}

function hashAt(text: string, at: number): number {
  let hash = 0x811c9dc5;
  for (let next = at; next < at + gram; next += 1) hash = Math.imul(hash ^ text.charCodeAt(next), 0x01000193);
  return (hash ^ (hash >>> 15)) >>> 0;
}
