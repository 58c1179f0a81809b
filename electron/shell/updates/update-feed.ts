import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import * as z from 'zod';
import { SallyportError } from '../../shared/errors.ts';

/** Where updates come from, as whoever makes a package wrote it into `update-feed.json` beside `app.asar`. */
export interface UpdateFeed {
  /** Folder of the feed, ending in `/`: https, or http on this machine. */
  readonly url: string;
  /** P-256: signs what the feed says. */
  readonly publicKey: KeyObject;
}

const feedFile = z.strictObject({
  url: z
    .string()
    .regex(/^(?:https:\/\/|http:\/\/127\.0\.0\.1:)[^?#]+$/)
    .transform((url) => (url.endsWith('/') ? url : `${url}/`)),
  publicKey: z.string().startsWith('-----BEGIN PUBLIC KEY-----'),
});

/** @returns nothing where the package names no feed, or one that cannot be used: then nothing is ever asked for */
export function readUpdateFeed(path: string): UpdateFeed | undefined {
  try {
    const { url, publicKey } = feedFile.parse(JSON.parse(readFileSync(path, 'utf8')));
    const key = createPublicKey(publicKey);
    return key.asymmetricKeyType === 'ec' ? { url, publicKey: key } : undefined;
  } catch {
    return undefined;
  }
}

const manifest = z.looseObject({
  version: z.string().regex(/^\d{1,9}\.\d{1,9}\.\d{1,9}$/),
  files: z.array(z.looseObject({ url: z.string(), sha512: z.string().min(80) })).min(1),
});
/** What the feed offers: a version, and the digest of each file of it. */
export type UpdateManifest = z.infer<typeof manifest>;

const mostBytes = 65_536;
const withinMs = 20_000;

/**
 * Fetches `<name>` and `<name>.sig` (base64, ECDSA P-256 over SHA-256 of the bytes) and proves the one by the other.
 * @throws SallyportError at hop `app`: `update_feed_unreachable`, `update_unsigned`
 */
export async function fetchManifest(feed: UpdateFeed, name: string): Promise<UpdateManifest> {
  const [text, signature] = await Promise.all([get(feed.url + name), get(`${feed.url}${name}.sig`)]);
  const signed = verify(
    'sha256',
    text,
    { key: feed.publicKey, dsaEncoding: 'ieee-p1363' },
    Buffer.from(signature.toString('latin1'), 'base64'),
  );
  if (!signed) throw unsigned('its signature does not fit');
  const read = manifest.safeParse(parse(text.toString()));
  if (!read.success) throw unsigned('it is not as expected');
  return read.data;
}

/** Why an update is not taken. */
export function unsigned(why: string): SallyportError {
  return new SallyportError('update_unsigned', 'app', `The update was refused: ${why}.`, {
    hint: 'Nothing was installed. If it stays like this, tell whoever gave you this package.',
  });
}

async function get(url: string): Promise<Buffer> {
  try {
    const response = await fetch(url, { redirect: 'error', signal: AbortSignal.timeout(withinMs), cache: 'no-store' });
    if (!response.ok || !response.body) throw new Error(`it answered ${response.status}`);
    const chunks: Uint8Array[] = [];
    let size = 0;
    for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
      size += chunk.length;
      if (size > mostBytes) throw new Error('it is too long');
      chunks.push(chunk);
    }
    return Buffer.concat(chunks);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new SallyportError('update_feed_unreachable', 'app', `The update feed does not answer: ${why}.`, {
      hint: 'It is asked again tomorrow, or with Look now.',
      cause: error,
    });
  }
}

/** Whether one version is newer than another, number by number. */
export function isNewer(offered: string, current: string): boolean {
  const [a, b] = [offered, current].map((version) => version.split('.').map(Number));
  for (let at = 0; at < 3; at += 1) {
    const difference = (a?.[at] ?? 0) - (b?.[at] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return false;
}
