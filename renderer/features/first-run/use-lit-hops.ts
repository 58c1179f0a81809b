import { useEffect, useState } from 'react';

/** Each hop lights for this long before the next, in milliseconds: long enough to follow, short enough not to wait for. */
const stepMs = 140;

/** How many hops are lit: one more at a time, or all at once for who asked for less motion. */
export function useLitHops(hops: number): number {
  const [lit, setLit] = useState(() => (matchMedia('(prefers-reduced-motion: reduce)').matches ? hops : 1));
  useEffect(() => {
    if (lit >= hops) return;
    const timer = setTimeout(() => setLit(lit + 1), stepMs);
    return () => clearTimeout(timer);
  }, [lit, hops]);
  return lit;
}
