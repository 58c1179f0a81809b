import { mkdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import * as z from 'zod';
import { SallyportError } from '../../shared/errors.ts';
import { writeDurably } from '../state/durable-file.ts';
import type { Sealer, Secrets } from './secrets.ts';

/** Version of the file that this program writes. */
const schemaVersion = 1;

const sealedValue = z.strictObject({ sealer: z.string().min(1), sealed: z.base64() });
const document = z.strictObject({
  schemaVersion: z.literal(schemaVersion),
  values: z.record(z.string().min(1), sealedValue),
});
const versionOnly = z.looseObject({ schemaVersion: z.int() });

type Values = Map<string, z.infer<typeof sealedValue>>;

/** What {@link createSecrets} needs. */
export interface SecretsDeps {
  /** The file, `<data>/secrets/secrets.json`; it and its folder (0700) are made by the first `set`. */
  readonly path: string;
  /** Seals new values, and opens those that name it. */
  readonly sealer: Sealer;
  /** Open the values that name them, for instance the key file beside a keyring; they seal nothing new. */
  readonly alsoOpen?: readonly Sealer[];
}

/**
 * Opens the secrets: one JSON file 0600 of sealed values, each naming its sealer (`security.md` S21). Changes are made
 * one after the other, each durable before it resolves. Values are opened when asked for and not kept.
 * @throws SallyportError at hop `app`: `secrets_corrupt` (nothing is made anew, the file is left as it is),
 *   `secrets_newer` (a newer Sallyport wrote it), `secrets_unreadable`; from `set` and `delete` also `secrets_unwritable`
 */
export async function createSecrets(deps: SecretsDeps): Promise<Secrets> {
  const { path, sealer } = deps;
  let values = await read(path);
  let queue: Promise<unknown> = Promise.resolve();
  let sealerProved = false;

  const sealers = new Map([...(deps.alsoOpen ?? []), sealer].map((one) => [one.name, one]));

  const open = async (name: string, value: { sealer: string; sealed: string }): Promise<string> => {
    const opener = sealers.get(value.sealer);
    if (!opener) {
      throw new SallyportError('secrets_locked', 'app', `The secret "${name}" was sealed by ${value.sealer}.`, {
        hint: `It opens where ${value.sealer} is available, not with ${sealer.name}. Nothing was made in its place.`,
      });
    }
    return Buffer.from(await opener.open(Buffer.from(value.sealed, 'base64'), name)).toString('utf8');
  };

  /** Before the first new value: a sealer that lost its key must not go on beside values that it cannot open. */
  const proveSealer = async (): Promise<void> => {
    if (sealerProved) return;
    const sample = [...values].find(([, value]) => value.sealer === sealer.name);
    if (sample) await open(...sample);
    sealerProved = true;
  };

  /** Runs changes one at a time; what is in memory changes only after the disk did. */
  const change = (make: (next: Values) => boolean | Promise<boolean>): Promise<void> => {
    const run = queue.then(async () => {
      const next: Values = new Map(values);
      if (!(await make(next))) return;
      await write(path, next);
      values = next;
    });
    queue = run.catch(() => {});
    return run;
  };

  return {
    async get(name) {
      const value = values.get(name);
      return value === undefined ? undefined : open(name, value);
    },
    set(name, value) {
      return change(async (next) => {
        await proveSealer();
        const sealed = await sealer.seal(Buffer.from(value, 'utf8'), name);
        next.set(name, { sealer: sealer.name, sealed: Buffer.from(sealed).toString('base64') });
        return true;
      });
    },
    delete: (name) => change((next) => next.delete(name)),
    names: (prefix = '') => [...values.keys()].filter((name) => name.startsWith(prefix)).sort(),
  };
}

async function read(path: string): Promise<Values> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return new Map();
    throw new SallyportError('secrets_unreadable', 'app', `The secrets file ${path} cannot be read.`, {
      hint: 'Check its owner and permissions.',
      cause: error,
    });
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw corrupt(path);
  }
  const version = versionOnly.safeParse(json);
  if (version.success && version.data.schemaVersion > schemaVersion) {
    throw new SallyportError('secrets_newer', 'app', `A newer Sallyport wrote ${path}; it was not touched.`, {
      hint: 'Use that version, or a newer one.',
    });
  }
  const parsed = document.safeParse(json);
  if (!parsed.success) throw corrupt(path);
  return new Map(Object.entries(parsed.data.values));
}

/** The reader's own words stay out of it: they can quote what is in the file. */
function corrupt(path: string): SallyportError {
  return new SallyportError('secrets_corrupt', 'app', `The secrets file ${path} is damaged; it was not touched.`, {
    hint: 'Restore it from a backup. Sallyport makes no new keys in its place.',
  });
}

async function write(path: string, values: Values): Promise<void> {
  const text = JSON.stringify({ schemaVersion, values: Object.fromEntries(values) }, null, 2);
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await writeDurably(path, `${text}\n`);
  } catch (error) {
    throw new SallyportError('secrets_unwritable', 'app', `The secrets file ${path} cannot be written.`, {
      hint: 'Check that the folder is writable and the disk is not full.',
      cause: error,
    });
  }
}
