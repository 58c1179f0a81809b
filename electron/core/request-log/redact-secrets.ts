import { createHmac } from 'node:crypto';

/**
 * Shapes of secrets that are plain to see. Each is linear: no nested repetition. Where a pattern has a first group, that
 * group stays and what follows becomes the marker.
 */
const shapes: readonly RegExp[] = [
  /-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY-----|$)/g,
  /(\bBearer\s{1,4})[A-Za-z0-9._~+/=-]{12,}/gi,
  /(\bBasic\s{1,4})[A-Za-z0-9+/=]{12,}/g,
  /\bsp_[A-Za-z0-9_-]{43}/g,
  /(\bsallyport-join:[^\s:"]{1,255}:\d{1,5}:[0-9A-Za-z+/=_-]{16,128}:)[A-Za-z0-9_-]{8,}/g,
  /\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}/g,
  /\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/g,
  /\bgh[pousr]_[A-Za-z0-9]{36,}/g,
  /\bgithub_pat_[A-Za-z0-9_]{22,}/g,
  /\bglpat-[A-Za-z0-9_-]{20,}/g,
  /\bsk-[A-Za-z0-9_-]{20,}/g,
  /\b[rs]k_(?:live|test)_[A-Za-z0-9]{16,}/g,
  /\bxox[abeprs]-[A-Za-z0-9-]{10,}/g,
  /\bAIza[A-Za-z0-9_-]{35}/g,
  /\bnpm_[A-Za-z0-9]{36}/g,
  /(:\/\/[^\s:@/"]{1,200}:)[^\s@/"]{1,200}(?=@)/g,
];

/** Member names whose string value is a secret whatever it looks like. */
const secretNames = new Set([
  'password',
  'passwd',
  'passphrase',
  'secret',
  'clientsecret',
  'apikey',
  'accesskey',
  'secretkey',
  'secretaccesskey',
  'privatekey',
  'accesstoken',
  'refreshtoken',
  'authorization',
]);

/** Replaces secrets by markers. */
export interface Redactor {
  /** A text with every recognised secret replaced by `⟨secret:hmac8⟩`. */
  text(text: string): string;
  /** A string under a member name: the whole of it where the name says that it is a secret. */
  member(name: string | undefined, text: string): string;
}

/**
 * Makes the redactor of the log (`security.md` S18): a marker is the first eight hex digits of HMAC-SHA-256 under the
 * installation's key, so that equal secrets have equal markers and nobody without the key can guess them back.
 * @param key 32 bytes from secrets
 */
export function createRedactor(key: Uint8Array): Redactor {
  const marker = (secret: string): string =>
    `⟨secret:${createHmac('sha256', key).update(secret, 'utf8').digest('hex').slice(0, 8)}⟩`;
  const text = (value: string): string => {
    let redacted = value;
    for (const shape of shapes) {
      redacted = redacted.replace(shape, (found: string, kept: unknown) => {
        const prefix = typeof kept === 'string' ? kept : '';
        return prefix + marker(found.slice(prefix.length));
      });
    }
    return redacted;
  };
  return {
    text,
    member(name, value) {
      const plain = name?.toLowerCase().replace(/[-_]/g, '');
      return plain !== undefined && value !== '' && secretNames.has(plain) ? marker(value) : text(value);
    },
  };
}
