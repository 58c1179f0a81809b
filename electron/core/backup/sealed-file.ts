import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { SallyportError } from '../../shared/errors.ts';
import { backupKey } from './backup-code.ts';

/**
 * A sealed file: the magic line, 16 bytes of salt, then records of `length (4 bytes, big endian) ‖ AES-256-GCM`. The nonce
 * counts the records and the additional data says which is the last, so that none can be left out, repeated, moved or cut
 * off. Key: {@link backupKey}, a new one for each file by its salt.
 */
const magic = Buffer.from('SALLYPORT BACKUP 1\n');
const saltBytes = 16;
const tagBytes = 16;
/** Of one record's content. */
export const longestRecord = 8 * 1_048_576;

const nonceOf = (count: number): Buffer => {
  const nonce = Buffer.alloc(12);
  nonce.writeBigUInt64BE(BigInt(count), 4);
  return nonce;
};
const lastMark = (last: boolean): Buffer => Buffer.from([last ? 1 : 0]);

/** Writes records to a file that is open and empty. */
export async function createSealedWriter(
  file: FileHandle,
  code: string,
): Promise<(content: Uint8Array, last?: boolean) => Promise<void>> {
  const salt = randomBytes(saltBytes);
  const key = backupKey(code, salt);
  await file.write(Buffer.concat([magic, salt]));
  let count = 0;
  return async (content, last = false) => {
    const cipher = createCipheriv('aes-256-gcm', key, nonceOf(count), { authTagLength: tagBytes });
    count += 1;
    cipher.setAAD(lastMark(last));
    const sealed = Buffer.concat([cipher.update(content), cipher.final(), cipher.getAuthTag()]);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(sealed.length);
    await file.write(Buffer.concat([length, sealed]));
  };
}

/**
 * Reads the records of a sealed file, each authentic and in its place.
 * @throws SallyportError at hop `app`: `backup_unreadable` (no backup, cut off or damaged), `backup_newer`,
 *   `backup_code_wrong`
 */
export async function* readSealed(file: FileHandle, code: string): AsyncGenerator<Buffer> {
  const head = await take(file, magic.length + saltBytes);
  if (head && !head.subarray(0, magic.length).equals(magic)) {
    if (head.toString('latin1').startsWith('SALLYPORT BACKUP ')) {
      throw new SallyportError('backup_newer', 'app', 'A newer Sallyport made this backup.', {
        hint: 'Restore it with that version, or a newer one.',
      });
    }
    throw unreadable('it is no backup of Sallyport');
  }
  if (!head) throw unreadable('it is no backup of Sallyport');
  const key = backupKey(code, head.subarray(magic.length));
  for (let count = 0; ; count += 1) {
    const length = (await take(file, 4))?.readUInt32BE();
    if (length === undefined) throw unreadable('it is cut off');
    if (length < tagBytes || length > longestRecord + tagBytes) throw unreadable('it is damaged');
    const sealed = await take(file, length);
    if (!sealed) throw unreadable('it is cut off');
    const content = opened(key, count, sealed, false);
    if (content) {
      yield content;
      continue;
    }
    const last = opened(key, count, sealed, true);
    if (!last) {
      if (count > 0) throw unreadable('it is damaged');
      throw new SallyportError('backup_code_wrong', 'app', 'This code does not open this backup.', {
        hint: 'Each backup has its own code, shown once when it was made. If the code is right, the file is damaged.',
      });
    }
    if (await take(file, 1)) throw unreadable('something follows its end');
    yield last;
    return;
  }
}

function opened(key: Buffer, count: number, sealed: Buffer, last: boolean): Buffer | undefined {
  const decipher = createDecipheriv('aes-256-gcm', key, nonceOf(count), { authTagLength: tagBytes });
  decipher.setAAD(lastMark(last));
  decipher.setAuthTag(sealed.subarray(-tagBytes));
  try {
    return Buffer.concat([decipher.update(sealed.subarray(0, -tagBytes)), decipher.final()]);
  } catch {
    return undefined;
  }
}

/** So many bytes from where the file stands, or nothing if there are not so many left. */
async function take(file: FileHandle, bytes: number): Promise<Buffer | undefined> {
  const buffer = Buffer.alloc(bytes);
  let filled = 0;
  while (filled < bytes) {
    const { bytesRead } = await file.read(buffer, filled, bytes - filled, null);
    if (bytesRead === 0) return undefined;
    filled += bytesRead;
  }
  return buffer;
}

/** Why a file cannot be restored from. */
export function unreadable(why: string): SallyportError {
  return new SallyportError('backup_unreadable', 'app', `The backup cannot be read: ${why}.`, {
    hint: 'Nothing was changed. Use another copy of it.',
  });
}
