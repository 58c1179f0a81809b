import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import type { Clock } from '../../../shared/clock.ts';
import { SallyportError } from '../../../shared/errors.ts';
import { writeDurably } from '../../state/durable-file.ts';
import { type Authority, createAuthority, loadAuthority } from '../pki/authority.ts';
import { publicKeyPin } from '../pki/fingerprint.ts';
import { type ClientRecord, type EdgeStore, installationOf } from './edge-store.ts';

/** The authorities of an edge. During a change there are two, and both are trusted. */
export interface EdgeAuthorities {
  /** Signs the edge's own certificate; join lines name its key. */
  readonly active: Authority;
  /** Made and told to connectors, not yet shown: from now on it signs the certificates of who knows it. */
  readonly next?: Authority;
  /** Showed before; who holds its certificates is still let in. PEM. */
  readonly old?: string;
}

/** A step of changing the edge's authority: see `docs/edge.md`. */
export type EdgeRotationStep = 'begin' | 'switch' | 'finish' | 'cancel';

/** All that are trusted now, PEM, the one that is shown first. */
export function trustedBy({ active, next, old }: EdgeAuthorities): readonly string[] {
  return [active.pem, ...(next ? [next.pem] : []), ...(old ? [old] : [])];
}

/** The one whose certificates everybody should hold by the end of the change. */
export function lasting({ active, next }: EdgeAuthorities): Authority {
  return next ?? active;
}

const pointerName = 'ca.json';
const base = z.string().regex(/^ca(-[0-9a-f]{8})?$/);
/** Which pair of files is which. Absent before the first change: then `ca.crt` and `ca.key` are the active ones. */
const pointer = z.strictObject({ active: base, next: base.optional(), old: base.optional() });
type Pointer = z.infer<typeof pointer>;

/** The files of an edge's authority before any change. */
export const firstAuthority = { certificate: 'ca.crt', key: 'ca.key' };

/**
 * Reads the authorities of an edge's folder.
 * @throws SallyportError `edge_key_missing`, `edge_state_corrupt`, what {@link loadAuthority} throws
 */
export async function readEdgeAuthorities(folder: string): Promise<EdgeAuthorities> {
  const { active, next, old } = await readPointer(folder);
  const load = async (name: string): Promise<Authority> =>
    await loadAuthority({
      certificatePem: await readPart(folder, `${name}.crt`),
      keyPem: await readPart(folder, `${name}.key`),
    });
  return {
    active: await load(active),
    ...(next ? { next: await load(next) } : {}),
    ...(old ? { old: await readPart(folder, `${old}.crt`) } : {}),
  };
}

/**
 * Takes a step. Each is one rename of `ca.json`, made after what it names is on the disk: a crash leaves the state before or after it.
 * @param anyway go on although some hold no certificate of the authority that stays
 * @throws SallyportError `authority_rotation` where the step does not follow, `authority_pending` with how many would be locked out
 */
export async function rotateEdgeAuthority(options: {
  readonly folder: string;
  readonly name: string;
  readonly store: EdgeStore;
  readonly clock: Clock;
  readonly step: EdgeRotationStep;
  readonly anyway: boolean;
}): Promise<void> {
  const { folder, store, clock, step } = options;
  const now = await readPointer(folder);
  const authorities = await readEdgeAuthorities(folder);
  const set = (next: Pointer): Promise<void> => writeDurably(join(folder, pointerName), JSON.stringify(next));
  const remove = async (name: string): Promise<void> => {
    await rm(join(folder, `${name}.key`), { force: true });
    await rm(join(folder, `${name}.crt`), { force: true });
  };
  const needAll = async (): Promise<void> => {
    const late = await notYetUnder(lasting(authorities).pin, store, clock);
    if (late.length === 0 || options.anyway) return;
    throw new SallyportError(
      'authority_pending',
      'edge',
      `${late.length} hold no certificate of the next authority yet: ${late.map(({ name }) => name).join(', ')}.`,
      { hint: 'Machines fetch theirs within 12 hours while they run; revoke those that are gone, or add --anyway.' },
    );
  };
  if (step === 'begin') {
    if (now.next || now.old) refuse('A change of the authority is under way.', 'Go on with switch, finish or cancel.');
    // From here on certificates are told apart by who signed them.
    for (const client of await store.clients()) {
      if (client.authority === undefined) await store.addClient({ ...client, authority: authorities.active.pin });
    }
    const { authority, keyPem } = await createAuthority({
      commonName: `Sallyport edge ${options.name}`,
      now: clock.now(),
    });
    const next = `ca-${authority.fingerprint.slice(0, 8)}`;
    await writeDurably(join(folder, `${next}.key`), keyPem);
    await writeDurably(join(folder, `${next}.crt`), authority.pem);
    await set({ active: now.active, next });
  } else if (step === 'cancel') {
    const { next } = authorities;
    if (!now.next || !next) return refuse('No next authority is there to take back.', 'See sallyport edge ca.');
    const moved = (await store.clients()).filter((one) => one.authority === next.pin && !one.revokedAt);
    if (moved.length > 0 && !options.anyway) {
      throw new SallyportError('authority_pending', 'edge', `${moved.length} certificates are signed by it already.`, {
        hint: 'Go on with switch and finish; or --anyway, and who moved over must join again.',
      });
    }
    await set({ active: now.active });
    await remove(now.next);
  } else if (step === 'switch') {
    if (!now.next) return refuse('There is no next authority yet.', 'First: sallyport edge ca rotate begin');
    await needAll();
    await set({ active: now.next, old: now.active });
  } else {
    if (!now.old) return refuse('No old authority is there to let go of.', 'See sallyport edge ca.');
    await needAll();
    await set({ active: now.active });
    await remove(now.old);
  }
}

/** Who holds good certificates, but none of this authority: connectors by domain, agents by name. */
export async function notYetUnder(
  pin: string,
  store: EdgeStore,
  clock: Pick<Clock, 'now'>,
): Promise<readonly Pick<ClientRecord, 'kind' | 'name'>[]> {
  const good = (await store.clients()).filter(
    (client) => !client.revokedAt && Date.parse(client.notAfter) > clock.now(),
  );
  const who = (client: ClientRecord): string =>
    client.kind === 'agent' ? `agent ${client.name}` : installationOf(client);
  const through = new Set(good.filter((client) => client.authority === pin).map(who));
  const late = new Map(good.filter((client) => !through.has(who(client))).map((client) => [who(client), client]));
  return [...late.values()].map(({ kind, name }) => ({ kind, name }));
}

/** Whether a certificate was signed by one that is still trusted; records of before the first change say nothing, and are. */
export function isTrusted(client: ClientRecord, authorities: EdgeAuthorities): boolean {
  return client.authority === undefined || trustedBy(authorities).some((pem) => publicKeyPin(pem) === client.authority);
}

function refuse(why: string, hint: string): never {
  throw new SallyportError('authority_rotation', 'edge', why, { hint });
}

async function readPointer(folder: string): Promise<Pointer> {
  let text: string;
  try {
    text = await readFile(join(folder, pointerName), 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return { active: 'ca' };
    throw error;
  }
  try {
    return pointer.parse(JSON.parse(text));
  } catch (cause) {
    throw new SallyportError(
      'edge_state_corrupt',
      'edge',
      `The edge's file ${join(folder, pointerName)} cannot be read.`,
      {
        hint: 'Restore it from a backup: it says which authority is in use.',
        cause,
      },
    );
  }
}

async function readPart(folder: string, name: string): Promise<string> {
  const path = join(folder, name);
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new SallyportError('edge_key_missing', 'edge', `${path} cannot be read.`, {
      hint: 'Restore it from a backup; "sallyport edge init DIR" makes a new edge, which every machine must join anew.',
      cause,
    });
  }
}
