import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import type { JWK } from 'oidc-provider';
import * as z from 'zod';
import type { Clock } from '../../shared/clock.ts';
import type { Secrets } from '../secrets/secrets.ts';

/** The keys that sign ID tokens, newest first: it signs; the one before is still there to check what it signed. */
export interface SigningKeys {
  current(): readonly JWK[];
  /** Makes a new key where the newest is old. Called at start, and again from time to time. */
  rotate(): Promise<void>;
}

const name = 'oauth-signing-key';
const keepMs = 90 * 86_400_000;
/** How long an ID token can be checked after its key signed no more; it is good for an hour. */
const checkMs = 86_400_000;
const stored = z.array(z.object({ at: z.number(), pem: z.string() })).max(2);

/**
 * P-256 keys in secrets, replaced after 90 days. Nothing lives longer on one than an hour: access and refresh tokens are
 * opaque.
 */
export async function openSigningKeys(secrets: Pick<Secrets, 'get' | 'set'>, clock: Clock): Promise<SigningKeys> {
  let keys = read(await secrets.get(name));
  const rotate = async (): Promise<void> => {
    const now = clock.now();
    const [newest] = keys;
    if (newest && now - newest.at < keepMs) {
      const still = keys.filter((key) => key === newest || now - newest.at < checkMs);
      if (still.length === keys.length) return;
      keys = still;
    } else {
      const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
      keys = [{ at: now, pem }, ...(newest ? [newest] : [])];
    }
    await secrets.set(name, JSON.stringify(keys));
  };
  await rotate();
  return { current: () => keys.map(jwkOf), rotate };
}

function read(text: string | undefined): z.infer<typeof stored> {
  if (text === undefined) return [];
  if (text.startsWith('[')) return stored.parse(JSON.parse(text));
  // Before there were two: the time on a line of its own.
  const [at = '', ...pem] = text.split('\n');
  return [{ at: Number(at), pem: pem.join('\n') }];
}

function jwkOf({ at, pem }: { at: number; pem: string }): JWK {
  const jwk = createPrivateKey(pem).export({ format: 'jwk' }) as JWK;
  return { ...jwk, alg: 'ES256', use: 'sig', kid: `sallyport-${at}` };
}
