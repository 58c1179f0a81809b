import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import type { Clock } from '../../../../../shared/clock.ts';

const edges = ['region1.v2.argotunnel.com:7844', 'region2.v2.argotunnel.com:7844'];
const waitMs = 1_500;
/** RFC 9000 §14.1: a server answers nothing smaller. */
const datagramBytes = 1_200;

/**
 * A QUIC long-header packet of a version that nobody speaks (RFC 9000 §15: 0x?a?a?a?a): a server answers it with a Version
 * Negotiation packet and keeps nothing of it.
 */
export function greaseQuic(): { readonly packet: Buffer; readonly source: Buffer } {
  const source = randomBytes(8);
  const head = Buffer.concat([
    Buffer.from([0xc0]),
    Buffer.from([0x1a, 0x2a, 0x3a, 0x4a]),
    Buffer.from([8]),
    randomBytes(8),
    Buffer.from([8]),
    source,
  ]);
  return { packet: Buffer.concat([head, Buffer.alloc(datagramBytes - head.length)]), source };
}

/** Whether a datagram is the Version Negotiation packet (RFC 9000 §17.2.1) that answers one of ours. */
export function answersGrease(datagram: Buffer, source: Buffer): boolean {
  const length = datagram[5] ?? 0;
  return (
    datagram.length > 7 &&
    ((datagram[0] ?? 0) & 0x80) !== 0 &&
    datagram.readUInt32BE(1) === 0 &&
    length === source.length &&
    datagram.subarray(6, 6 + length).equals(source)
  );
}

/**
 * Whether UDP gets through to the tunnel's edge: what QUIC needs. One datagram to each, an answer within 1.5 s.
 * @param addresses `host:port`; default the tunnel's two regions
 */
export function udpReaches(clock: Clock, addresses: readonly string[] = edges): Promise<boolean> {
  const { packet, source } = greaseQuic();
  return new Promise((resolve) => {
    const socket = createSocket('udp4');
    const finish = (through: boolean): void => {
      cancel();
      socket.removeAllListeners();
      // Late errors of names that do not resolve are nobody's any more.
      socket.on('error', () => {});
      socket.close();
      resolve(through);
    };
    const cancel = clock.schedule(waitMs, () => finish(false));
    socket.on('error', () => {});
    socket.on('message', (datagram) => {
      if (answersGrease(datagram, source)) finish(true);
    });
    for (const address of addresses) {
      const at = address.lastIndexOf(':');
      socket.send(packet, Number(address.slice(at + 1)), address.slice(0, at).replace(/^\[|\]$/g, ''), () => {});
    }
  });
}
