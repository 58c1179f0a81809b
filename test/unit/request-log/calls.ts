import { generateKeyPairSync } from 'node:crypto';
import type { LogAnchor, LogKeys } from '../../../electron/core/request-log/log-keys.ts';
import { defaultLogLimits } from '../../../electron/core/request-log/retention.ts';
import type { Call, Decision } from '../../../electron/shared/call.ts';
import { fromPlain } from '../../../electron/shared/json-tree.ts';

const sealKey = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;

export const allow: Decision = {
  effect: 'allow',
  rule: 'class:read',
  reasons: ['it only reads'],
  risk: 5,
  class: 'read',
};
export const askFirst: Decision = {
  effect: 'ask',
  rule: 'class:effect',
  reasons: ['it changes'],
  risk: 40,
  class: 'effect',
};
export const deny: Decision = {
  effect: 'deny',
  rule: 'access:off',
  reasons: ['it is off'],
  risk: 90,
  class: 'dangerous',
};

export function callOf(id: string, change: Partial<Call> & { args?: unknown } = {}): Call {
  const { args, ...rest } = change;
  return {
    id,
    at: '2026-11-22T12:00:00.000Z',
    agent: { id: 'token:1', name: 'Claude' },
    agentSession: 's1',
    server: 'files',
    method: 'tools/call',
    name: 'read_file',
    arguments: fromPlain(args ?? { path: `notes/${id}.md` }),
    digest: `sha256:${'d'.repeat(64)}`,
    pin: `sha256:${'e'.repeat(64)}`,
    era: '2025-11-25',
    bytesIn: 120,
    ...rest,
  };
}

export const markerKey = new Uint8Array(32).fill(7);

/** Secrets of a log: what is kept in them stays as long as the object. */
export function logKeys(): LogKeys & { anchor: LogAnchor | undefined } {
  const keys: LogKeys & { anchor: LogAnchor | undefined } = {
    sealKey,
    markerKey,
    anchor: undefined,
    keepAnchor: async (anchor) => {
      keys.anchor = anchor;
    },
  };
  return keys;
}

/** What a log in a test needs besides its path and clock. */
export const logDeps = () => ({ keys: logKeys(), limits: () => defaultLogLimits, version: '1' });
