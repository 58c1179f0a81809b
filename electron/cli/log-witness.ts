import { join } from 'node:path';
import { readLogKeys } from '../core/request-log/log-keys.ts';
import { keyText } from '../core/request-log/seals.ts';
import type { Witness } from '../core/request-log/verify-chain.ts';
import { createKeyfileSealer } from '../core/secrets/keyfile-sealer.ts';
import { createSecrets } from '../core/secrets/secrets-file.ts';

/**
 * What this data folder's secrets know of its log, where they open without the desktop's keyring; nothing where they do not:
 * the check says then that the key is unproven.
 */
export async function logWitness(dataDir: string): Promise<Witness> {
  try {
    const sealer = createKeyfileSealer({ path: join(dataDir, 'secrets', 'keyfile') });
    const keys = await readLogKeys(await createSecrets({ path: join(dataDir, 'secrets', 'secrets.json'), sealer }));
    if (!keys) return {};
    return { key: keyText(keys.sealKey), ...(keys.anchor ? { anchor: keys.anchor } : {}) };
  } catch {
    return {};
  }
}
