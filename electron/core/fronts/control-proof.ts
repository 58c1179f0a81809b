import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import * as z from 'zod';

/**
 * How both ends of the control socket prove that they can read the same 0600 file, before any message of the contract
 * (`security.md` S19). Three lines:
 *
 * 1. client → server `{"nonce":C}`
 * 2. server → client `{"nonce":S,"proof":HMAC(key, "sallyport-control/1 server" ‖ C ‖ S)}`
 * 3. client → server `{"proof":HMAC(key, "sallyport-control/1 client" ‖ C ‖ S),"caller":{"pid","name"}}`
 *
 * Nonces are 32 random bytes, everything base64url. The two labels keep one proof from being used as the other.
 */

const token = z.string().regex(/^[A-Za-z0-9_-]{43}$/);

/** Line 1. */
export const helloLine = z.strictObject({ nonce: token });
/** Line 2. */
export const challengeLine = z.strictObject({ nonce: token, proof: token });
/** Line 3. */
export const proofLine = z.strictObject({
  proof: token,
  caller: z.strictObject({ pid: z.number().int().nonnegative(), name: z.string().max(200) }).optional(),
});

/** A fresh nonce. */
export function makeNonce(): string {
  return randomBytes(32).toString('base64url');
}

/** The proof of one side over both nonces. */
export function prove(key: Uint8Array, side: 'server' | 'client', clientNonce: string, serverNonce: string): string {
  return createHmac('sha256', key)
    .update(`sallyport-control/1 ${side}\0${clientNonce}\0${serverNonce}`)
    .digest('base64url');
}

/** Whether a proof is the expected one, in constant time. */
export function proves(expected: string, given: string): boolean {
  const [a, b] = [Buffer.from(expected), Buffer.from(given)];
  return a.length === b.length && timingSafeEqual(a, b);
}
