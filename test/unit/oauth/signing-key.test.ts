import { createPrivateKey } from 'node:crypto';
import { expect, test } from 'vitest';
import { openSigningKeys } from '../../../electron/core/oauth/signing-key.ts';
import { createManualClock } from '../../manual-clock.ts';

const day = 86_400_000;

/** Secrets as a map: what matters is what is put there and read back. */
function secretsInMemory() {
  const values = new Map<string, string>();
  return {
    values,
    get: async (name: string) => values.get(name),
    set: async (name: string, value: string) => void values.set(name, value),
  };
}

test('the key lies in secrets, is replaced after 90 days, and the one before can still check for a day', async () => {
  const clock = createManualClock();
  const secrets = secretsInMemory();
  const keys = await openSigningKeys(secrets, clock);
  const [first] = keys.current();
  expect(first).toMatchObject({ kty: 'EC', crv: 'P-256', alg: 'ES256', use: 'sig' });
  expect([...secrets.values.keys()]).toEqual(['oauth-signing-key']);
  clock.advance(89 * day);
  await keys.rotate();
  expect(keys.current().map(({ kid }) => kid)).toEqual([first?.kid]);
  expect((await openSigningKeys(secrets, clock)).current()).toEqual(keys.current());

  clock.advance(day);
  await keys.rotate();
  const [second, before] = keys.current();
  expect(second?.kid).not.toBe(first?.kid);
  expect(before).toEqual(first);
  clock.advance(day);
  await keys.rotate();
  expect(keys.current()).toEqual([second]);
  expect((await openSigningKeys(secrets, clock)).current()).toEqual([second]);
});

test('a key of the version before is taken over', async () => {
  const clock = createManualClock();
  const secrets = secretsInMemory();
  const [made] = (await openSigningKeys(secrets, clock)).current();
  const pem = createPrivateKey({ key: made as never, format: 'jwk' }).export({ type: 'pkcs8', format: 'pem' });
  secrets.values.set('oauth-signing-key', `${clock.now()}\n${pem}`);
  expect((await openSigningKeys(secrets, clock)).current()).toEqual([made]);
});
