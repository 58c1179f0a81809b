import { randomBytes } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { SallyportError } from '../../../shared/errors.ts';
import { writeDurably } from '../../state/durable-file.ts';

const inviteSchema = z.strictObject({
  /** SHA-256 of the token, hex; the token itself is nowhere. */
  tokenHash: z.string().regex(/^[0-9a-f]{64}$/),
  /** The one domain that the token gives. */
  domain: z.string(),
  createdAt: z.iso.datetime(),
  expiresAt: z.iso.datetime(),
});

const clientSchema = z.strictObject({
  /** Serial number of its certificate, lower-case hex: its id. */
  serial: z.string().regex(/^[0-9a-f]{2,40}$/),
  kind: z.enum(['connector', 'agent']),
  /** The tunnel's domain (connector) or the agent's name (agent). */
  name: z.string(),
  /** Serial number of the first certificate of this installation, where this one was got by renewal. */
  installation: z
    .string()
    .regex(/^[0-9a-f]{2,40}$/)
    .optional(),
  /** Pin of the authority that signed it; absent where there was only one so far. */
  authority: z.string().optional(),
  createdAt: z.iso.datetime(),
  notAfter: z.iso.datetime(),
  revokedAt: z.iso.datetime().optional(),
});

/** An invite that nobody used yet. */
export type Invite = z.infer<typeof inviteSchema>;

/** A client certificate that the edge signed: a connector's, or an agent's for the agent door. */
export type ClientRecord = z.infer<typeof clientSchema>;

/** What stays the same over renewals: the serial number of an installation's first certificate. */
export function installationOf(client: ClientRecord): string {
  return client.installation ?? client.serial;
}

/** What an edge remembers. Every method has stored its change safely before it resolves. */
export interface EdgeStore {
  addInvite(invite: Invite): Promise<void>;
  /** Takes an invite out; of several callers with the same hash exactly one gets it. Expiry is the caller's to check. */
  takeInvite(tokenHash: string): Promise<Invite | undefined>;
  invites(): Promise<readonly Invite[]>;
  addClient(client: ClientRecord): Promise<void>;
  client(serial: string): Promise<ClientRecord | undefined>;
  clients(): Promise<readonly ClientRecord[]>;
  /** Marks a client revoked for good. @returns it, or undefined if there is none */
  revoke(serial: string, at: string): Promise<ClientRecord | undefined>;
  /** A number that differs after each change, also one made by another process; cheap enough to ask every second. */
  revision(): Promise<number>;
}

/** A store that ends with the process: for the edge inside the app, whose certificates are made anew at each start. */
export function createMemoryEdgeStore(): EdgeStore {
  const invites = new Map<string, Invite>();
  const clients = new Map<string, ClientRecord>();
  let revision = 0;
  return {
    async addInvite(invite) {
      revision += 1;
      invites.set(invite.tokenHash, invite);
    },
    async takeInvite(tokenHash) {
      const invite = invites.get(tokenHash);
      if (invites.delete(tokenHash)) revision += 1;
      return invite;
    },
    invites: async () => [...invites.values()],
    async addClient(client) {
      revision += 1;
      clients.set(client.serial, client);
    },
    client: async (serial) => clients.get(serial),
    clients: async () => [...clients.values()],
    async revoke(serial, at) {
      const client = clients.get(serial);
      if (!client) return undefined;
      const revoked = { ...client, revokedAt: client.revokedAt ?? at };
      revision += 1;
      clients.set(serial, revoked);
      return revoked;
    },
    revision: async () => revision,
  };
}

/**
 * A store in a folder, one small file per invite and per client, so that `sallyport edge invite` and a running edge can
 * change it at the same time without a lock: files appear by rename and invites go by rename, both atomic. Each
 * write is temp, fsync, rename, fsync of the folder: what was answered survives kill -9.
 * @param directory made if missing, 0700
 * @throws SallyportError `edge_state_corrupt` from any method that meets a file it cannot read
 */
export async function openEdgeStore(directory: string): Promise<EdgeStore> {
  const inviteFolder = join(directory, 'invites');
  const clientFolder = join(directory, 'clients');
  for (const folder of [directory, inviteFolder, clientFolder]) await mkdir(folder, { recursive: true, mode: 0o700 });

  const client = (serial: string): Promise<ClientRecord | undefined> =>
    /^[0-9a-f]{2,40}$/.test(serial)
      ? read(join(clientFolder, `${serial}.json`), clientSchema)
      : Promise.resolve(undefined);
  const put = (record: ClientRecord): Promise<void> => write(join(clientFolder, `${record.serial}.json`), record);

  return {
    addInvite: (invite) => write(join(inviteFolder, `${invite.tokenHash}.json`), invite),
    async takeInvite(tokenHash) {
      if (!/^[0-9a-f]{64}$/.test(tokenHash)) return undefined;
      const taken = join(inviteFolder, `${tokenHash}.${randomBytes(4).toString('hex')}.taken`);
      try {
        await rename(join(inviteFolder, `${tokenHash}.json`), taken);
      } catch (error) {
        if (isMissing(error)) return undefined;
        throw error;
      }
      await syncFolder(inviteFolder);
      const invite = await read(taken, inviteSchema);
      await unlink(taken);
      return invite;
    },
    invites: () => readAll(inviteFolder, inviteSchema),
    addClient: put,
    client,
    clients: () => readAll(clientFolder, clientSchema),
    async revoke(serial, at) {
      const record = await client(serial);
      if (!record) return undefined;
      const revoked = { ...record, revokedAt: record.revokedAt ?? at };
      await put(revoked);
      return revoked;
    },
    // Every change renames a file in one of the folders, which moves the folder's own time.
    revision: async () => {
      const times = await Promise.all([inviteFolder, clientFolder].map(async (folder) => (await stat(folder)).mtimeMs));
      return times.reduce((sum, time) => sum + time, 0);
    },
  };
}

/** Makes a rename that took something away durable: a token taken must stay taken. */
async function syncFolder(folder: string): Promise<void> {
  // Windows cannot open folders; its rename is journaled.
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function write(path: string, record: Invite | ClientRecord): Promise<void> {
  return writeDurably(path, `${JSON.stringify(record, null, 2)}\n`);
}

async function readAll<T>(folder: string, schema: z.ZodType<T>): Promise<T[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.json') && !name.startsWith('.'));
  const found = await Promise.all(names.sort().map((name) => read(join(folder, name), schema)));
  return found.filter((value) => value !== undefined);
}

async function read<T>(path: string, schema: z.ZodType<T>): Promise<T | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
  try {
    return schema.parse(JSON.parse(text));
  } catch (error) {
    throw new SallyportError('edge_state_corrupt', 'edge', `The edge's file ${path} cannot be read.`, {
      hint: 'Restore it from a backup, or remove it: its certificate or invite is then no longer accepted.',
      cause: error,
    });
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
