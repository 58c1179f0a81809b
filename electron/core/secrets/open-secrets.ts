import { join } from 'node:path';
import { createKeyfileSealer } from './keyfile-sealer.ts';
import type { Sealer, Secrets } from './secrets.ts';
import { createSecrets } from './secrets-file.ts';

/**
 * Secrets sealed by the keyring where there is one; what the key file sealed opens either way (`security.md` S21).
 * @param dataDir absolute path of the data folder
 * @throws SallyportError `secrets_unreadable`
 */
export async function openSecrets(dataDir: string, keyring: Sealer | undefined): Promise<Secrets> {
  const keyfile = createKeyfileSealer({ path: join(dataDir, 'secrets', 'keyfile') });
  return await createSecrets({
    path: join(dataDir, 'secrets', 'secrets.json'),
    sealer: keyring ?? keyfile,
    alsoOpen: [keyfile],
  });
}
