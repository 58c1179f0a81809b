import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LogAnchor, LogKeys } from '../../../electron/core/request-log/log-keys.ts';
import { markerKey } from '../../unit/request-log/calls.ts';

/** Keys of a log in a folder, for tests whose log is written by processes that are killed. */
export function keysIn(folder: string): LogKeys {
  const keyFile = join(folder, 'seal.pem');
  const anchorFile = join(folder, 'anchor.json');
  if (!existsSync(keyFile)) {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    writeFileSync(keyFile, privateKey.export({ type: 'pkcs8', format: 'pem' }));
  }
  return {
    sealKey: createPrivateKey(readFileSync(keyFile)),
    markerKey,
    anchor: existsSync(anchorFile) ? (JSON.parse(readFileSync(anchorFile, 'utf8')) as LogAnchor) : undefined,
    async keepAnchor(anchor) {
      writeFileSync(`${anchorFile}.new`, JSON.stringify(anchor));
      renameSync(`${anchorFile}.new`, anchorFile);
    },
  };
}
