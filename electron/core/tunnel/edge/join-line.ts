import { isIPv6 } from 'node:net';
import * as z from 'zod';
import { SallyportError } from '../../../shared/errors.ts';

/** What a join line says. The token is a secret until it was used. */
export interface JoinLine {
  /** DNS name or address to dial. */
  readonly host: string;
  readonly port: number;
  /** Pin of the edge CA's public key: base64url SHA-256 of its SubjectPublicKeyInfo. */
  readonly caPin: string;
  /** Single-use invite token, base64url of 32 random bytes. */
  readonly token: string;
}

const prefix = 'sallyport-join';
const form =
  /^sallyport-join:(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]{1,253}):([0-9]{1,5}):([A-Za-z0-9_-]{43}):([A-Za-z0-9_-]{43})$/;
const portSchema = z.coerce.number().int().min(1).max(65_535);

/** Writes the line that `sallyport edge invite` prints; an IPv6 address stands in brackets. */
export function formatJoinLine(line: JoinLine): string {
  const host = isIPv6(line.host) ? `[${line.host}]` : line.host;
  return `${prefix}:${host}:${line.port}:${line.caPin}:${line.token}`;
}

/**
 * Reads a join line; blanks around it do not matter.
 * @throws SallyportError `bad_join_line` at hop `edge`; the line itself is never in the message
 */
export function parseJoinLine(text: string): JoinLine {
  const match = form.exec(text.trim());
  const port = portSchema.safeParse(match?.[2]);
  if (!match || !port.success) {
    throw new SallyportError('bad_join_line', 'edge', 'This is not a join line.', {
      hint: 'Copy the whole line that "sallyport edge invite" printed: sallyport-join:<host>:<port>:<key>:<token>.',
    });
  }
  const [, host = '', , caPin = '', token = ''] = match;
  return { host: host.replace(/^\[|\]$/g, '').toLowerCase(), port: port.data, caPin, token };
}
