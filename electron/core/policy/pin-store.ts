import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import { toolAccesses } from '../../shared/call.ts';
import type { Clock } from '../../shared/clock.ts';
import { asSallyportError, SallyportError } from '../../shared/errors.ts';
import { JsonObject, parseJson, serializeJson } from '../../shared/json-tree.ts';
import { createDocumentFile, type DocumentFile } from '../state/document-file.ts';
import { pinOf } from './pins.ts';

/** A tool's definition that the person approved, with what agents may do with it. */
export interface ApprovedTool {
  readonly name: string;
  readonly definition: JsonObject;
  readonly pin: string;
  readonly access: 'allow' | 'ask' | 'off';
  /** Whether the person set the access; otherwise it is the default of the tool's class. */
  readonly chosen: boolean;
}

/** What is known of a server's approved tools. `unreadable` = it was approved once, but the record is lost: block all. */
export type StoredPins =
  | { readonly kind: 'none' }
  | { readonly kind: 'ok'; readonly tools: readonly ApprovedTool[] }
  | { readonly kind: 'unreadable'; readonly why: string };

/** Where approved definitions are kept, per server. */
export interface PinStore {
  /** Never throws: what cannot be read is `unreadable`. */
  load(server: string): StoredPins;
  /** @throws SallyportError `pins_unwritable` at hop `policy`; nothing is changed then */
  save(server: string, tools: readonly ApprovedTool[]): void;
  /** @throws SallyportError `pins_unwritable` */
  remove(server: string): void;
}

const schemaVersion = 1;
const pinFile = z.strictObject({
  schemaVersion: z.literal(schemaVersion),
  server: z.string(),
  tools: z.array(
    z
      .strictObject({
        name: z.string().min(1),
        access: z.enum(toolAccesses),
        chosen: z.boolean(),
        pin: z.string().regex(/^sha256:[0-9a-f]{64}$/),
        /** The definition as received, as JSON text, since number lexemes and member order count. */
        definition: z.string(),
      })
      .refine((tool) => definitionOf(tool) !== undefined, 'The definition does not match its name and pin.'),
  ),
});
type PinFile = z.infer<typeof pinFile>;

/** Keeps pins in `<data>/pins/<server>.json`, one file a server. */
export function createPinFiles(options: {
  readonly dataFolder: string;
  readonly clock: Pick<Clock, 'now'>;
  /** Told when a server's file cannot be used: damaged (kept aside), newer, or unreadable. */
  readonly onTrouble?: (error: SallyportError) => void;
}): PinStore {
  const newer = new Set<string>();
  const unreadable = (server: string, why: string): StoredPins => {
    options.onTrouble?.(
      new SallyportError('pins_unreadable', 'policy', `All tools of "${server}" are blocked. ${why}`),
    );
    return { kind: 'unreadable', why };
  };
  const fileOf = (server: string): DocumentFile<PinFile> => {
    // The slug becomes a file name: anything else would be a path of the caller's choice.
    if (!/^[a-z0-9-]{1,40}$/.test(server)) {
      throw new SallyportError('server_not_found', 'policy', 'There is no server of that name.');
    }
    const path = join(options.dataFolder, 'pins', `${server}.json`);
    return createDocumentFile({ path, schemaVersion, schema: pinFile, clock: options.clock });
  };
  return {
    load(server) {
      try {
        const found = fileOf(server).read();
        if (found.kind === 'none') return found;
        if (found.kind === 'newer') {
          newer.add(server);
          return unreadable(server, 'A newer version of Sallyport wrote the record of its approved tools.');
        }
        if (found.kind === 'corrupt') {
          return unreadable(
            server,
            'The record of its approved tools was damaged and kept aside. Share the server again.',
          );
        }
        return { kind: 'ok', tools: found.data.tools.map(approvedTool) };
      } catch (error) {
        const message = asSallyportError(error, 'policy').message;
        return unreadable(server, `The record of its approved tools cannot be read: ${message}`);
      }
    },
    save(server, tools) {
      if (newer.has(server)) {
        throw new SallyportError('pins_unwritable', 'policy', 'A newer version of Sallyport wrote this record.', {
          hint: 'Start the newer version, or remove the server and add it again.',
        });
      }
      writing(() =>
        fileOf(server).write({
          schemaVersion,
          server,
          tools: tools.map(({ definition, ...rest }) => ({ ...rest, definition: serializeJson(definition) })),
        }),
      );
    },
    remove(server) {
      writing(() => fileOf(server).remove());
      newer.delete(server);
    },
  };
}

/** The same records for looking only: nothing is written, and a damaged one stays where it is. */
export function readPins(dataFolder: string): PinStore {
  return {
    load(server) {
      if (!/^[a-z0-9-]{1,40}$/.test(server)) return { kind: 'none' };
      try {
        const text = readFileSync(join(dataFolder, 'pins', `${server}.json`), 'utf8');
        return { kind: 'ok', tools: pinFile.parse(JSON.parse(text)).tools.map(approvedTool) };
      } catch (error) {
        if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return { kind: 'none' };
        return { kind: 'unreadable', why: 'The record of its approved tools cannot be read.' };
      }
    },
    save() {},
    remove() {},
  };
}

function approvedTool(stored: PinFile['tools'][number]): ApprovedTool {
  const definition = definitionOf(stored);
  if (!definition) throw new SallyportError('internal', 'policy', 'a definition does not match its pin.');
  return { name: stored.name, definition, pin: stored.pin, access: stored.access, chosen: stored.chosen };
}

/** The definition that a stored tool holds, if it is the one that its name and pin say. */
function definitionOf(stored: { name: string; pin: string; definition: string }): JsonObject | undefined {
  try {
    const definition = parseJson(stored.definition);
    if (!(definition instanceof JsonObject) || definition.get('name') !== stored.name) return undefined;
    return pinOf(definition) === stored.pin ? definition : undefined;
  } catch {
    return undefined;
  }
}

function writing(write: () => void): void {
  try {
    write();
  } catch (error) {
    if (error instanceof SallyportError) throw error;
    const message = asSallyportError(error, 'policy').message;
    throw new SallyportError('pins_unwritable', 'policy', `The approved tools could not be stored: ${message}`, {
      hint: 'Check that the data folder is writable and has room.',
      cause: error,
    });
  }
}
