import { networkInterfaces } from 'node:os';
import type { Clock } from '../../shared/clock.ts';

/** How often the addresses are read, in milliseconds. */
const lookEveryMs = 5_000;

/**
 * Notices that this machine came into another network: its own addresses changed. Connections from an address that is gone are dead
 * without anybody having said so, and where none were up, dialling may work now.
 * @param onMove told once for each change to addresses that lead somewhere; not when the last one goes
 * @param addresses this machine's own; default all but loopback
 * @returns a function that ends it
 */
export function watchNetwork(
  clock: Pick<Clock, 'schedule'>,
  onMove: () => void,
  addresses: () => readonly string[] = ownAddresses,
): () => void {
  const read = (): string => [...addresses()].sort().join(' ');
  let known = read();
  let cancel = (): void => {};
  const look = (): void => {
    cancel = clock.schedule(lookEveryMs, look);
    const now = read();
    if (now === known) return;
    known = now;
    if (now !== '') onMove();
  };
  cancel = clock.schedule(lookEveryMs, look);
  return () => cancel();
}

/** Link-local addresses come and go with every interface and lead nowhere. */
function ownAddresses(): string[] {
  return Object.values(networkInterfaces())
    .flat()
    .flatMap((one) => (one && !one.internal && !one.address.startsWith('fe80:') ? [one.address] : []));
}
