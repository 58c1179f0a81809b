import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Clock } from '../../../shared/clock.ts';

/** Alerts (RFC 8446 §6.2) that an edge sends in the clear, before any handshake. */
export const alerts = {
  unexpected_message: 10,
  access_denied: 49,
  decode_error: 50,
  protocol_version: 70,
  internal_error: 80,
  unrecognized_name: 112,
} as const;

/** See {@link alerts}. */
export type AlertName = keyof typeof alerts;

/** Time that a refused peer gets to read its alert, in milliseconds. */
const lingerMs = 1_000;

/** After a failed handshake: lets the alert that TLS wrote leave before the connection goes. */
export function lingerAndDestroy(raw: Duplex, clock: Clock): void {
  if (raw.destroyed) return;
  raw.once(
    'close',
    clock.schedule(lingerMs, () => raw.destroy()),
  );
}

/**
 * Refuses a connection with a fatal TLS alert, so that the client says why instead of "connection reset". What the peer
 * still sends is read and dropped until it closes (a close with unread bytes would become a reset and eat the alert).
 */
export function refuseWithAlert(socket: Socket, alert: AlertName, clock: Clock): void {
  if (socket.destroyed) return;
  const cancel = clock.schedule(lingerMs, () => socket.destroy());
  socket.once('close', cancel);
  socket.once('end', () => socket.destroySoon());
  socket.resume();
  socket.end(Buffer.from([21, 3, 3, 0, 2, 2, alerts[alert]]));
}
