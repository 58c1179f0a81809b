import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import type { JWK } from 'oidc-provider';
import type { Clock } from '../../shared/clock.ts';
import type { Secrets } from '../secrets/secrets.ts';

const name = 'oauth-signing-key';
const keepMs = 90 * 86_400_000;

/**
 * The key that signs ID tokens (P-256), from secrets; one older than 90 days is replaced at start. Nothing lives longer on
 * it than an hour: access and refresh tokens are opaque.
 */
export async function signingKey(secrets: Pick<Secrets, 'get' | 'set'>, clock: Clock): Promise<JWK> {
  const stored = await secrets.get(name);
  const [made = '', pem] = stored?.split('\n', 1).concat(stored.slice(stored.indexOf('\n') + 1)) ?? [];
  if (pem !== undefined && clock.now() - Number(made) < keepMs) return jwkOf(pem, made);
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const at = String(clock.now());
  const fresh = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  await secrets.set(name, `${at}\n${fresh}`);
  return jwkOf(fresh, at);
}

function jwkOf(pem: string, made: string): JWK {
  return {
    ...(createPrivateKey(pem).export({ format: 'jwk' }) as JWK),
    alg: 'ES256',
    use: 'sig',
    kid: `sallyport-${made}`,
  };
}
