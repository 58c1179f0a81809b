import { safeStorage } from 'electron';
import type { Sealer } from '../core/secrets/secrets.ts';
import { SallyportError } from '../shared/errors.ts';

/**
 * The sealer of the system's keyring (Keychain, DPAPI, libsecret, KWallet), where there is a real one.
 * @returns `undefined` where the system offers none, or only a fixed password (`basic_text`): the key file is better
 * than pretending (`security.md` S21). Call it when the app is ready.
 */
export async function createSafeStorageSealer(): Promise<Sealer | undefined> {
  if (!(await safeStorage.isAsyncEncryptionAvailable())) return undefined;
  const backend = process.platform === 'linux' ? safeStorage.getSelectedStorageBackend() : process.platform;
  if (backend === 'basic_text' || backend === 'unknown') return undefined;
  return {
    name: `safe-storage:${backend}`,
    async seal(plain, name) {
      // The keyring seals text; the name inside keeps values from changing places.
      const text = JSON.stringify({ name, value: Buffer.from(plain).toString('base64') });
      return safeStorage.encryptStringAsync(text);
    },
    async open(sealed, name) {
      let text: string;
      try {
        text = (await safeStorage.decryptStringAsync(Buffer.from(sealed))).result;
      } catch (error) {
        throw new SallyportError('secrets_locked', 'app', `The system's keyring does not open the secret "${name}".`, {
          hint: 'Unlock the keyring, then start Sallyport again. Nothing was made in its place.',
          cause: error,
        });
      }
      const value = sealedValue(text, name);
      if (value) return value;
      throw new SallyportError('secrets_corrupt', 'app', `The secret "${name}" is damaged and cannot be opened.`, {
        hint: 'Restore the secrets folder from a backup.',
      });
    },
  };
}

function sealedValue(text: string, name: string): Uint8Array | undefined {
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed !== 'object' || parsed === null || !('name' in parsed) || parsed.name !== name) return undefined;
    return 'value' in parsed && typeof parsed.value === 'string' ? Buffer.from(parsed.value, 'base64') : undefined;
  } catch {
    return undefined;
  }
}
