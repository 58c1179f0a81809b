import type { Adapter, AdapterPayload } from 'oidc-provider';
import type { Clock } from '../../shared/clock.ts';
import { type ArtefactStore, type StoredModel, storedModels } from './artefact-store.ts';
import type { ClientMetadata } from './client-metadata.ts';

/** What {@link createProviderAdapters} needs. */
export interface ProviderAdapterDeps {
  readonly clock: Clock;
  readonly artefacts: ArtefactStore;
  /** Finds a client: known, registered, or by its metadata document. @throws where a document cannot be used */
  readonly client: (id: string) => Promise<ClientMetadata | undefined>;
  /** Told when a token was made for a grant. */
  readonly onToken: (grantId: string) => void;
}

/** Entries of one short-lived model that may exist at once: strangers can begin as many as they like. */
const maxInMemory = 2_000;
/** Where the library names no end of its own. */
const defaultSeconds = 600;

/** Storage of the authorization server, one adapter for each of its models. */
export function createProviderAdapters(deps: ProviderAdapterDeps): (model: string) => Adapter {
  return (model) => {
    if (model === 'Client') return clientAdapter(deps);
    const stored = storedModels.find((one) => one === model);
    return stored ? storedAdapter(deps, stored) : memoryAdapter(deps.clock);
  };
}

const unused = async (): Promise<undefined> => undefined;

function storedAdapter({ artefacts, onToken }: ProviderAdapterDeps, model: StoredModel): Adapter {
  return {
    async upsert(id, payload, expiresIn) {
      artefacts.upsert(model, id, { ...payload }, expiresIn ?? defaultSeconds);
      if (model === 'AccessToken' && payload.grantId !== undefined) onToken(payload.grantId);
    },
    find: async (id) => artefacts.find(model, id) as AdapterPayload | undefined,
    consume: async (id) => artefacts.consume(model, id),
    destroy: async (id) => artefacts.destroy(model, id),
    revokeByGrantId: async (grantId) => artefacts.revokeByGrantId(grantId, model),
    findByUid: unused,
    findByUserCode: unused,
  };
}

function clientAdapter({ client }: ProviderAdapterDeps): Adapter {
  return {
    find: async (id) => {
      const found = await client(id);
      return found === undefined
        ? undefined
        : ({ ...found, redirect_uris: [...found.redirect_uris] } as AdapterPayload);
    },
    upsert: unused,
    consume: unused,
    destroy: unused,
    revokeByGrantId: unused,
    findByUid: unused,
    findByUserCode: unused,
  };
}

/** Codes, interactions and browser sessions: gone with the process, like the calls that wait in it. */
function memoryAdapter(clock: Clock): Adapter {
  const entries = new Map<string, { payload: AdapterPayload; until: number }>();
  const live = (id: string): AdapterPayload | undefined => {
    const entry = entries.get(id);
    if (entry && entry.until > clock.monotonic()) return entry.payload;
    entries.delete(id);
    return undefined;
  };
  return {
    async upsert(id, payload, expiresIn) {
      entries.delete(id);
      for (const [key, entry] of entries) {
        if (entry.until > clock.monotonic() && entries.size < maxInMemory) break;
        entries.delete(key);
      }
      entries.set(id, { payload, until: clock.monotonic() + (expiresIn ?? defaultSeconds) * 1_000 });
    },
    find: async (id) => live(id),
    async consume(id) {
      const payload = live(id);
      if (payload) payload.consumed = Math.floor(clock.now() / 1_000);
    },
    destroy: async (id) => void entries.delete(id),
    async revokeByGrantId(grantId) {
      for (const [id, { payload }] of entries) if (payload.grantId === grantId) entries.delete(id);
    },
    findByUid: async (uid) => {
      for (const [id, { payload }] of entries) if (payload.uid === uid) return live(id);
      return undefined;
    },
    findByUserCode: unused,
  };
}
