import { lookup as systemLookup } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import ipaddr from 'ipaddr.js';
import { ServerFailure } from '../failure.ts';

/** How far an upstream's address lies: on this machine, in a private network, on the public internet. */
export const reaches = ['machine', 'private', 'public'] as const;
/** See {@link reaches}. */
export type Reach = (typeof reaches)[number];

/** Ranges of `ipaddr.js` by reach; what is not named (link-local with its metadata services, multicast, …) is no server's. */
const ranges: Readonly<Record<string, Reach>> = {
  loopback: 'machine',
  private: 'private',
  uniqueLocal: 'private',
  // Shared address space (RFC 6598): overlay networks hand it out.
  carrierGradeNat: 'private',
  unicast: 'public',
};

/** Where an address lies, undefined for one that no server is reached at. Mapped and translated IPv4 counts as IPv4. */
export function reachOf(address: string): Reach | undefined {
  if (!ipaddr.isValid(address)) return undefined;
  const parsed = ipaddr.process(address);
  const range = parsed.range();
  if (range === 'rfc6052') return reachOf(parsed.toByteArray().slice(-4).join('.'));
  return Object.hasOwn(ranges, range) ? ranges[range] : undefined;
}

/** What is known of an upstream's address, and who is told what was found. */
export interface AddressPin {
  /** How far it may lie; nothing more inward is connected to. Absent: what is found first is remembered. */
  readonly reach?: Reach | undefined;
  readonly onReach?: ((reach: Reach) => void) | undefined;
  /** Resolves names. Default: the system's resolver. */
  readonly lookup?: typeof systemLookup | undefined;
}

/** Resolves one host name, checks what it got, and holds on to it. */
export interface PinnedAddress {
  readonly lookup: LookupFunction;
  /** The address did not answer: the next connection resolves and checks anew. */
  forget(): void;
}

/**
 * Looks at where a URL leads before anything is sent (`reference/mcp.md` §6, 7). The address that was checked is the one
 * connected to, for the whole conversation; a name that leads further inward than it did when the server was added (DNS
 * rebinding) is refused. Plain http stays on this machine and in private networks: anybody on the way could read and change it.
 * @throws ServerFailure `server_not_ready` for an address in the URL that no server is reached at
 */
export function pinAddress(url: URL, name: string, pin: AddressPin): PinnedAddress {
  const { lookup = systemLookup } = pin;
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const own = host === 'localhost' || host.endsWith('.localhost');
  const plain = url.protocol === 'http:';
  let reach: Reach | undefined = own ? 'machine' : pin.reach;
  if (isIP(host) !== 0) {
    const literal = reachOf(host);
    // What a person typed as numbers is what they meant; only what is no server's address is refused.
    if (literal === undefined || (plain && literal === 'public')) {
      throw new ServerFailure('server_not_ready', 'crashed', `${name}: ${host} is no address of a server.`);
    }
    if (pin.reach === undefined) pin.onReach?.(literal);
  }
  let pinned: { address: string; family: number }[] | undefined;

  const judge = (found: readonly { address: string; family: number }[]): string | undefined => {
    const distances = found.map(({ address }) => reachOf(address));
    if (distances.length === 0) return `${host} has no address`;
    // All of them: which one is used is up to the order of the answer.
    let nearest: Reach = 'public';
    for (const each of distances) {
      if (each === undefined) return `${host} leads to an address that no server is reached at`;
      if (reaches.indexOf(each) < reaches.indexOf(nearest)) nearest = each;
    }
    if (own && distances.some((each) => each !== 'machine')) return `${host} is not this machine`;
    if (plain && distances.includes('public'))
      return `${host} leads to the public internet, where plain http is not used`;
    if (reach !== undefined && reaches.indexOf(nearest) < reaches.indexOf(reach)) {
      return `${host} leads ${places[nearest]} now, and led ${places[reach]} before`;
    }
    if (reach === undefined) {
      reach = nearest;
      pin.onReach?.(nearest);
    }
    return undefined;
  };

  return {
    lookup(hostname, options, callback) {
      const hand = (list: { address: string; family: number }[]): void => {
        const [first] = list;
        if (options.all) callback(null, list);
        else callback(null, first?.address ?? '', first?.family ?? 4);
      };
      if (pinned) {
        hand(pinned);
        return;
      }
      lookup(hostname, { all: true, family: options.family ?? 0 }, (error, found) => {
        if (error) {
          callback(error, '', 0);
          return;
        }
        const why = judge(found);
        if (why !== undefined) {
          callback(new AddressRefused(why), '', 0);
          return;
        }
        pinned = found;
        hand(found);
      });
    },
    forget() {
      pinned = undefined;
    },
  };
}

/** A name that leads where it must not. */
export class AddressRefused extends Error {}

const places: Readonly<Record<Reach, string>> = {
  machine: 'to this machine',
  private: 'into a private network',
  public: 'to the public internet',
};
