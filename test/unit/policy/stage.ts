import { mkdir, mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createPolicy, type PolicyDeps } from '../../../electron/core/policy/create-policy.ts';
import { createPinFiles } from '../../../electron/core/policy/pin-store.ts';
import type { Policy } from '../../../electron/core/policy/policy.ts';
import type { Call } from '../../../electron/shared/call.ts';
import type { SallyportError } from '../../../electron/shared/errors.ts';
import { fromPlain, JsonObject } from '../../../electron/shared/json-tree.ts';
import { createManualClock } from '../../manual-clock.ts';

/** A tool definition as a server lists it. */
export function tool(name: string, more: Record<string, unknown> = {}): JsonObject {
  const node = fromPlain({ name, inputSchema: { type: 'object', properties: { path: { type: 'string' } } }, ...more });
  if (!(node instanceof JsonObject)) throw new Error('a definition is an object');
  return node;
}

/** A home folder with a data folder in it, and policy over both. */
export async function stage(options: Partial<PolicyDeps> = {}) {
  const home = await realpath(await mkdtemp(join(tmpdir(), 'sallyport-policy-')));
  const dataFolder = join(home, '.local', 'share', 'sallyport');
  await mkdir(dataFolder, { recursive: true });
  const clock = createManualClock();
  const troubles: SallyportError[] = [];
  const open = (): Policy =>
    createPolicy({
      store: createPinFiles({ dataFolder, clock, onTrouble: (error) => troubles.push(error) }),
      dataFolder,
      home,
      ...options,
    });
  const policy = open();
  return {
    home,
    dataFolder,
    policy,
    troubles,
    /** Another instance over the same data folder, as after a restart. */
    open,
    call(name: string, args: unknown = {}, more: Partial<Call> = {}, of: Policy = policy): Call {
      const pin = of.pinOf('files', name);
      return {
        id: 'call-1',
        at: '2026-11-22T12:00:00.000Z',
        agent: { id: 'token:a', name: 'a' },
        agentSession: 'session-1',
        server: 'files',
        method: 'tools/call',
        name,
        arguments: fromPlain(args),
        digest: 'sha256:0',
        ...(pin === undefined ? {} : { pin }),
        era: '2025-11-25',
        bytesIn: 10,
        ...more,
      };
    },
    clean: () => rm(home, { recursive: true, force: true }),
  };
}
