import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';
import { mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { SallyportError } from '../../shared/errors.ts';
import { writeDurably } from '../state/durable-file.ts';
import type { Sealer } from './secrets.ts';

const keyBytes = 32;
const idBytes = 8;
const nonceBytes = 12;
const tagBytes = 16;

/**
 * Seals with AES-256-GCM under a random key in a file that only its owner can read: the sealer of headless runs and of
 * desktops without a keyring. It keeps secrets out of backups of single files and of greps; it does not keep out other
 * programs of the same user.
 *
 * Sealed form: 8 bytes of SHA-256 of the key, 12 bytes nonce, ciphertext, 16 bytes tag; the name is additional data, so
 * that a value cannot be put under another name. The key file is made by the first `seal`, never by `open`.
 * @param path of the key file, in `<data>/secrets/`
 */
export function createKeyfileSealer(deps: { readonly path: string }): Sealer {
  let key: Promise<Buffer> | undefined;

  const load = (make: boolean): Promise<Buffer> => {
    key ??= readKey(deps.path).then((found) => {
      if (found) return found;
      if (make) return makeKey(deps.path);
      throw new SallyportError('secrets_locked', 'app', `The key file ${deps.path} is missing.`, {
        hint: 'Put it back from a backup. Sallyport makes no new key while there are secrets sealed with the old one.',
      });
    });
    // A failure is not remembered: the file may be put right while the app runs.
    key.catch(() => {
      key = undefined;
    });
    return key;
  };

  return {
    name: 'keyfile',
    async seal(plain, name) {
      const secret = await load(true);
      const nonce = randomBytes(nonceBytes);
      const cipher = createCipheriv('aes-256-gcm', secret, nonce, { authTagLength: tagBytes });
      cipher.setAAD(Buffer.from(name, 'utf8'));
      const body = Buffer.concat([cipher.update(plain), cipher.final()]);
      return Buffer.concat([keyId(secret), nonce, body, cipher.getAuthTag()]);
    },
    async open(sealed, name) {
      const secret = await load(false);
      const bytes = Buffer.from(sealed);
      if (bytes.length < idBytes + nonceBytes + tagBytes) throw damaged(name);
      if (!bytes.subarray(0, idBytes).equals(keyId(secret))) {
        throw new SallyportError('secrets_locked', 'app', `The secret "${name}" was sealed with another key file.`, {
          hint: `Put back the ${deps.path} that belongs to this data folder.`,
        });
      }
      const nonce = bytes.subarray(idBytes, idBytes + nonceBytes);
      const decipher = createDecipheriv('aes-256-gcm', secret, nonce, { authTagLength: tagBytes });
      decipher.setAAD(Buffer.from(name, 'utf8'));
      decipher.setAuthTag(bytes.subarray(-tagBytes));
      try {
        return Buffer.concat([decipher.update(bytes.subarray(idBytes + nonceBytes, -tagBytes)), decipher.final()]);
      } catch (error) {
        throw damaged(name, error);
      }
    },
  };
}

function keyId(key: Buffer): Buffer {
  return createHash('sha256').update('sallyport keyfile').update(key).digest().subarray(0, idBytes);
}

function damaged(name: string, cause?: unknown): SallyportError {
  return new SallyportError('secrets_corrupt', 'app', `The secret "${name}" is damaged and cannot be opened.`, {
    hint: 'Restore the secrets folder from a backup.',
    cause,
  });
}

async function readKey(path: string): Promise<Buffer | undefined> {
  let file: Awaited<ReturnType<typeof open>>;
  try {
    file = await open(path, 'r');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw new SallyportError('secrets_locked', 'app', `The key file ${path} cannot be read.`, {
      hint: 'Check its owner and permissions.',
      cause: error,
    });
  }
  try {
    // Windows has no such bits; there the profile's access list keeps others out.
    if (process.platform !== 'win32' && ((await file.stat()).mode & 0o077) !== 0) {
      throw new SallyportError('key_file_exposed', 'app', `Other users can read the key file ${path}.`, {
        hint: 'Find out who did, then take their permissions away with chmod 600.',
      });
    }
    const key = await file.readFile();
    if (key.length !== keyBytes) {
      throw new SallyportError('secrets_corrupt', 'app', `The key file ${path} is damaged.`, {
        hint: 'Put it back from a backup. Sallyport makes no new key in its place.',
      });
    }
    return key;
  } finally {
    await file.close();
  }
}

/** The one-instance lock is held here, so that nobody else can be making it at the same time. */
async function makeKey(path: string): Promise<Buffer> {
  const key = randomBytes(keyBytes);
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await writeDurably(path, key);
  } catch (error) {
    throw new SallyportError('secrets_unwritable', 'app', `The key file ${path} cannot be made.`, {
      hint: 'Check that the folder is writable and the disk is not full.',
      cause: error,
    });
  }
  return key;
}
