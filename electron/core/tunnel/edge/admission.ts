import { isIPv6 } from 'node:net';
import type { Clock } from '../../../shared/clock.ts';

/** How much one holder (a source address, a tunnel) may use. */
export interface Allowance {
  /** Connections open at once. */
  readonly open: number;
  /** New connections a second, in the long run. */
  readonly perSecond: number;
  /** New connections at once after a quiet time. */
  readonly burst: number;
}

/** The limits that stand where Node's per-session ones were put out of reach (`security.md` S1). */
export interface AdmissionLimits {
  /** Per source address; an IPv6 source is its /64. */
  readonly source: Allowance;
  /** Per tunnel, all sources together. */
  readonly tunnel: Allowance;
  /** Connections to the edge in all, whatever they want. */
  readonly total: number;
}

/**
 * Default limits of an edge on a server. A hosted agent comes from few addresses and opens a handful of connections; a
 * tunnel's 1 000 connections × 256 KiB stream window bound what stalled readers make the edge hold to 250 MiB.
 */
export const defaultLimits: AdmissionLimits = {
  source: { open: 256, perSecond: 50, burst: 200 },
  tunnel: { open: 1_000, perSecond: 200, burst: 1_000 },
  total: 10_000,
};

/** Limits inside the app: everybody comes from loopback, so that a source says nothing and only the tunnel's count. */
export const embeddedLimits: AdmissionLimits = {
  source: { open: 1_000, perSecond: 200, burst: 1_000 },
  tunnel: { open: 1_000, perSecond: 200, burst: 1_000 },
  total: 2_000,
};

/** Counts what each holder has open and how fast it opens more. */
export interface Meter {
  /** Takes one place. @returns a function that gives it back (once), or undefined if there is none */
  admit(holder: string): (() => void) | undefined;
  /** Holders remembered now, for tests and metrics. */
  readonly size: number;
}

/**
 * A meter over holders by name; those with nothing open are forgotten as soon as their burst is whole again.
 * @param allowed a function where it may change while the meter runs
 */
export function createMeter(allowed: Allowance | (() => Allowance), clock: Pick<Clock, 'monotonic'>): Meter {
  const read = typeof allowed === 'function' ? allowed : () => allowed;
  const holders = new Map<string, { open: number; tokens: number; at: number }>();
  let sweepAt = 0;
  const refill = (holder: { tokens: number; at: number }, now: number): void => {
    const allowance = read();
    holder.tokens = Math.min(allowance.burst, holder.tokens + ((now - holder.at) * allowance.perSecond) / 1_000);
    holder.at = now;
  };
  const sweep = (now: number): void => {
    if (now < sweepAt) return;
    sweepAt = now + 10_000;
    const allowance = read();
    for (const [name, holder] of holders) {
      refill(holder, now);
      if (holder.open === 0 && holder.tokens >= allowance.burst) holders.delete(name);
    }
  };
  return {
    admit(name) {
      const now = clock.monotonic();
      const allowance = read();
      sweep(now);
      const holder = holders.get(name) ?? { open: 0, tokens: allowance.burst, at: now };
      holders.set(name, holder);
      refill(holder, now);
      if (holder.open >= allowance.open || holder.tokens < 1) return undefined;
      holder.open += 1;
      holder.tokens -= 1;
      let held = true;
      return () => {
        if (held) holder.open -= 1;
        held = false;
      };
    },
    get size() {
      return holders.size;
    },
  };
}

/** The holder that a source address counts for: IPv4 whole, IPv6 by its first 64 bits (one household has them all). */
export function sourceOf(address: string | undefined): string {
  if (!address) return 'unknown';
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped) return mapped;
  if (!isIPv6(address)) return address;
  const [left = '', right] = (address.split('%')[0] ?? '').split('::');
  const head = left === '' ? [] : left.split(':');
  const tail = right ? right.split(':') : [];
  const all =
    right === undefined ? head : [...head, ...Array<string>(8 - head.length - tail.length).fill('0'), ...tail];
  return `${all
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')}::/64`;
}
