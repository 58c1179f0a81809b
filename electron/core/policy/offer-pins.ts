import { join } from 'node:path';
import * as z from 'zod';
import type { Clock } from '../../shared/clock.ts';
import { asSallyportError, SallyportError } from '../../shared/errors.ts';
import type { JsonObject } from '../../shared/json-tree.ts';
import type { OfferKind, OfferPins, WaitingOffer } from '../servers/offers.ts';
import { createDocumentFile, type DocumentFile } from '../state/document-file.ts';
import { pinOf } from './pins.ts';

const schemaVersion = 1;
const pins = z.record(z.string(), z.string().regex(/^sha256:[0-9a-f]{64}$/));
const offerFile = z.strictObject({
  schemaVersion: z.literal(schemaVersion),
  server: z.string(),
  /** Pins by name, of the kinds that were met. */
  kinds: z.strictObject({ prompt: pins.optional(), template: pins.optional(), instructions: pins.optional() }),
});
type OfferFile = z.infer<typeof offerFile>;

interface Known {
  /** Approved pins by kind and name; a kind that is missing was never met. */
  approved: Map<OfferKind, Map<string, string>>;
  /** What was offered last, by kind and name; several pins where a name was listed twice. */
  readonly current: Map<OfferKind, Map<string, { readonly pin: string; readonly definition: JsonObject }[]>>;
  /** Its record is lost: nothing of it counts as approved, and nothing new does by itself. */
  readonly unreadable: boolean;
}

/** Most names of one kind that are kept of a server. */
const mostOffers = 2_000;

/** Keeps pins in `<data>/offers/<server>.json`, one file a server. */
export function createOfferPins(options: {
  readonly dataFolder: string;
  readonly clock: Pick<Clock, 'now'>;
  /** Told when a server's file cannot be used. */
  readonly onTrouble?: (error: SallyportError) => void;
}): OfferPins {
  const servers = new Map<string, Known>();
  const listeners = new Set<Parameters<OfferPins['onChange']>[0]>();

  const fileOf = (server: string): DocumentFile<OfferFile> => {
    // The slug becomes a file name: anything else would be a path of the caller's choice.
    if (!/^[a-z0-9-]{1,40}$/.test(server)) {
      throw new SallyportError('server_not_found', 'policy', 'There is no server of that name.');
    }
    const path = join(options.dataFolder, 'offers', `${server}.json`);
    return createDocumentFile({ path, schemaVersion, schema: offerFile, clock: options.clock });
  };
  const load = (server: string): Known => {
    const fresh = { approved: new Map(), current: new Map() };
    try {
      const found = fileOf(server).read();
      if (found.kind === 'none') return { ...fresh, unreadable: false };
      if (found.kind === 'ok') {
        const kinds = Object.entries(found.data.kinds) as [OfferKind, Record<string, string>][];
        const approved = new Map(kinds.map(([kind, one]) => [kind, new Map(Object.entries(one))]));
        return { ...fresh, approved, unreadable: false };
      }
      throw new Error(
        found.kind === 'newer' ? 'A newer version of Sallyport wrote it' : 'It was damaged and kept aside',
      );
    } catch (thrown) {
      const why = asSallyportError(thrown, 'policy').message;
      const message = `Prompts, templates and instructions of "${server}" are blocked. ${why}. Share the server again.`;
      options.onTrouble?.(new SallyportError('pins_unreadable', 'policy', message));
      return { ...fresh, unreadable: true };
    }
  };
  const of = (server: string): Known => {
    const known = servers.get(server) ?? load(server);
    servers.set(server, known);
    return known;
  };
  const save = (server: string, known: Known): void => {
    const kinds = Object.fromEntries([...known.approved].map(([kind, one]) => [kind, Object.fromEntries(one)]));
    try {
      fileOf(server).write({ schemaVersion, server, kinds });
    } catch (thrown) {
      // In force for this run all the same; the next run meets the server as it was approved before.
      options.onTrouble?.(asSallyportError(thrown, 'policy'));
    }
  };
  const usable = (known: Known, kind: OfferKind, name: string): boolean => {
    const pin = known.approved.get(kind)?.get(name);
    const now = known.current.get(kind)?.get(name);
    return pin !== undefined && (now === undefined || now.every((one) => one.pin === pin));
  };
  const waitingOf = (known: Known): WaitingOffer[] =>
    [...known.current].flatMap(([kind, names]) =>
      [...names].flatMap(([name, now]) => {
        const approved = known.approved.get(kind)?.get(name);
        const other = now.find((one) => one.pin !== approved);
        if (!other) return [];
        const state = approved === undefined ? ('new' as const) : ('changed' as const);
        return [{ kind, name, state, pin: other.pin, text: textOf(other.definition) }];
      }),
    );
  const tell = (server: string, came: readonly WaitingOffer[]): void => {
    for (const listener of listeners) listener(server, came);
  };

  return {
    observe(server, kind, offers) {
      const known = of(server);
      const before = new Set(waitingOf(known).map(keyOf));
      const now = new Map<string, { pin: string; definition: JsonObject }[]>();
      for (const { name, definition } of offers.slice(0, mostOffers)) {
        now.set(name, [...(now.get(name) ?? []), { pin: pinOf(definition), definition }]);
      }
      known.current.set(kind, now);
      if (!known.unreadable && !known.approved.has(kind)) {
        // A name that is offered twice is nobody's to approve unseen.
        const single = [...now].flatMap(([name, [one, ...more]]) =>
          one && more.length === 0 ? [[name, one.pin] as const] : [],
        );
        known.approved.set(kind, new Map(single));
        save(server, known);
      }
      const came = waitingOf(known).filter((one) => !before.has(keyOf(one)));
      if (came.length > 0 || waitingOf(known).length !== before.size) tell(server, came);
    },
    allows: (server, { kind, name, definition }) => of(server).approved.get(kind)?.get(name) === pinOf(definition),
    usable: (server, kind, name) => usable(of(server), kind, name),
    changed(server, kind) {
      const known = of(server);
      return [...(known.approved.get(kind)?.keys() ?? [])].filter((name) => !usable(known, kind, name));
    },
    waiting: (server) => waitingOf(of(server)),
    approve(server, kind, name, pin) {
      const known = of(server);
      const now = known.current.get(kind)?.get(name);
      if (!now) {
        throw new SallyportError('offer_not_found', 'policy', 'The server offers nothing of that name.', {
          hint: 'See `sallyport servers approve NAME` for what waits.',
        });
      }
      if (now.some((one) => one.pin !== pin)) {
        throw new SallyportError('pin_stale', 'policy', 'It has changed since it was shown, or is offered twice.', {
          hint: 'Look at it again, then decide.',
        });
      }
      const approved = known.approved.get(kind) ?? new Map<string, string>();
      known.approved.set(kind, approved.set(name, pin));
      save(server, known);
      tell(server, []);
    },
    forget(server) {
      servers.delete(server);
      fileOf(server).remove();
      tell(server, []);
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

function keyOf({ kind, name, pin }: WaitingOffer): string {
  return JSON.stringify([kind, name, pin]);
}

/** What a person is shown of it. An outsider's text. */
function textOf(definition: JsonObject): string {
  const parts = ['title', 'description', 'text'].map((member) => definition.get(member));
  return parts
    .filter((part) => typeof part === 'string')
    .join('\n')
    .slice(0, 2_000);
}
