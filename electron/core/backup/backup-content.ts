import * as z from 'zod';
import { unreadable } from './sealed-file.ts';

/** What comes first: whose backup it is. */
export const backupAbout = z.strictObject({
  format: z.literal(1),
  version: z.string(),
  createdAt: z.iso.datetime(),
});
/** A file that follows in so many bytes. Its path is one of ours, or one level below. */
export const backupEntry = z.strictObject({
  path: z.string().regex(/^[a-z][a-z.-]{0,40}(?:\/[A-Za-z0-9@_-][A-Za-z0-9@._-]{0,200})?$/),
  bytes: z.number().int().nonnegative(),
});
/** Every secret, in plain: only ever inside the sealed file. */
export const backupSecrets = z.record(z.string().min(1), z.string());

const kinds = { A: 'about', F: 'file', D: 'data', S: 'secrets', E: 'end' } as const;
/** One record. */
export interface BackupRecord {
  readonly kind: (typeof kinds)[keyof typeof kinds];
  readonly body: Buffer;
}

/** A record's content: one letter, then its body. */
export function packed(kind: keyof typeof kinds, body: object | Uint8Array = {}): Buffer {
  return Buffer.concat([Buffer.from(kind), body instanceof Uint8Array ? body : Buffer.from(JSON.stringify(body))]);
}

/** The reverse. @throws SallyportError `backup_unreadable` */
export function unpacked(content: Buffer): BackupRecord {
  const letter = content.toString('latin1', 0, 1);
  if (!Object.hasOwn(kinds, letter)) throw unreadable('it holds what this version does not know');
  return { kind: kinds[letter as keyof typeof kinds], body: content.subarray(1) };
}

/** The JSON of a record. @throws SallyportError `backup_unreadable` */
export function parsedBody<Schema extends z.ZodType>(schema: Schema, { body }: BackupRecord): z.output<Schema> {
  let json: unknown;
  try {
    json = JSON.parse(body.toString());
  } catch {
    throw unreadable('it is damaged');
  }
  const parsed = schema.safeParse(json);
  if (!parsed.success) throw unreadable('it holds what this version does not know');
  return parsed.data;
}
