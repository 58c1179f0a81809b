import { createPrivateKey, generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';
import * as z from 'zod';
import { SallyportError } from '../../shared/errors.ts';
import { instant } from '../../shared/views.ts';
import type { Secrets } from '../secrets/secrets.ts';

const keySecret = 'log-seal-key';
const anchorSecret = 'log-anchor';
const markerSecret = 'log-marker-key';

const place = z.object({ seq: z.number().int(), hash: z.string(), at: instant });

/**
 * What secrets know of the log, so that a cut end shows: the newest checkpoint, and cuts that were found at a start. `after`
 * is the last entry that was still there.
 */
const anchorShape = z.object({
  newest: place,
  missing: z.array(place.extend({ after: z.number().int(), foundAt: instant })).max(20),
});
/** See {@link anchorShape}. */
export type LogAnchor = z.infer<typeof anchorShape>;

/** What the log needs of secrets. */
export interface LogKeys {
  /** P-256; signs checkpoints. */
  readonly sealKey: KeyObject;
  /** 32 bytes, under which secrets become markers. */
  readonly markerKey: Uint8Array;
  /** As of the last time the log was written. */
  readonly anchor: LogAnchor | undefined;
  /** Stores the anchor; those of one log follow each other. */
  keepAnchor(anchor: LogAnchor): Promise<void>;
}

/**
 * Opens the log's keys, made once each.
 * @throws SallyportError `secrets_locked`; `secrets_corrupt` where what is stored is no key: none is made in its place
 */
export async function openLogKeys(secrets: Pick<Secrets, 'get' | 'set'>): Promise<LogKeys> {
  const stored = await secrets.get(keySecret);
  let sealKey: KeyObject;
  if (stored === undefined) {
    sealKey = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
    await secrets.set(keySecret, sealKey.export({ type: 'pkcs8', format: 'pem' }).toString());
  } else sealKey = readKey(stored);
  let marker = await secrets.get(markerSecret);
  if (marker === undefined) {
    marker = randomBytes(32).toString('base64');
    await secrets.set(markerSecret, marker);
  }
  return {
    sealKey,
    markerKey: Buffer.from(marker, 'base64'),
    anchor: readAnchor(await secrets.get(anchorSecret)),
    keepAnchor: (anchor) => secrets.set(anchorSecret, JSON.stringify(anchor)),
  };
}

/** What is needed to check a log; nothing is made. @throws as {@link openLogKeys} */
export async function readLogKeys(
  secrets: Pick<Secrets, 'get'>,
): Promise<{ sealKey: KeyObject; anchor: LogAnchor | undefined } | undefined> {
  const stored = await secrets.get(keySecret);
  if (stored === undefined) return undefined;
  return { sealKey: readKey(stored), anchor: readAnchor(await secrets.get(anchorSecret)) };
}

function readKey(pem: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch (cause) {
    throw new SallyportError('secrets_corrupt', 'app', `The secret "${keySecret}" is no private key.`, {
      hint: 'Restore the secrets folder from a backup. Sallyport makes no new key in its place.',
      cause,
    });
  }
}

/** An anchor that cannot be read counts as none: `verify` says then that the end is not proven. */
function readAnchor(text: string | undefined): LogAnchor | undefined {
  if (text === undefined) return undefined;
  try {
    return anchorShape.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
