/** A random generator whose run can be repeated from its seed (mulberry32); for property tests only. */
export function createSeeded(seed: number) {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
  return {
    /** From 0 to below `limit`, whole. */
    below: (limit: number): number => Math.floor(next() * limit),
    /** One of the list. */
    pick<Value>(list: readonly Value[]): Value {
      const value = list[Math.floor(next() * list.length)];
      if (value === undefined) throw new Error('nothing to pick from');
      return value;
    },
    /** True with this probability. */
    chance: (probability: number): boolean => next() < probability,
  };
}
