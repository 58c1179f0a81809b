import { hkdfSync, randomInt } from 'node:crypto';
import { SallyportError } from '../../shared/errors.ts';

/** Crockford's base 32: nothing in it is taken for something else by eye. */
const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
/** 30 characters of 5 bits: 150 bits, so that no stretching of it is needed. */
const characters = 30;

/** A new code: what opens one backup. Six groups of five, made here and kept nowhere. */
export function newBackupCode(): string {
  const text = Array.from({ length: characters }, () => alphabet[randomInt(alphabet.length)]).join('');
  return (text.match(/.{5}/g) ?? []).join('-');
}

/** The key of a backup. @throws SallyportError `backup_code_wrong` where the text is no code */
export function backupKey(code: string, salt: Uint8Array): Buffer {
  const plain = code.toUpperCase().replace(/[\s-]/g, '').replaceAll('O', '0').replace(/[IL]/g, '1');
  if (plain.length !== characters || [...plain].some((one) => !alphabet.includes(one))) {
    throw new SallyportError('backup_code_wrong', 'app', 'This is no code of a backup.', {
      hint: 'It has six groups of five letters and digits, as it was shown when the backup was made.',
    });
  }
  return Buffer.from(hkdfSync('sha256', plain, salt, 'sallyport backup 1', 32));
}
