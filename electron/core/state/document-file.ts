import { randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type * as z from 'zod';
import type { Clock } from '../../shared/clock.ts';

/** What reading a {@link DocumentFile} found. */
export type DocumentRead<Data> =
  | { readonly kind: 'none' }
  | { readonly kind: 'ok'; readonly data: Data }
  /** It was not what it should be; the file now lies beside its place, under `keptAs`. */
  | { readonly kind: 'corrupt'; readonly keptAs: string }
  /** Written by a later version of the app: it is not touched. */
  | { readonly kind: 'newer' };

/** One small JSON file, read and replaced as a whole (`design.md` §7). */
export interface DocumentFile<Data> {
  read(): DocumentRead<Data>;
  /** Temp file, fsync, rename, fsync of the folder. @throws the file system's error; the old content is then untouched */
  write(data: Data): void;
  /** Removes the file; no error if there is none. */
  remove(): void;
}

/**
 * A JSON document with an integer `schemaVersion`. What does not parse is moved aside as `<path>.corrupt-<time>`, never
 * overwritten; what is newer is left alone.
 * @param options.schema shape of the document, `schemaVersion` included
 */
export function createDocumentFile<Data>(options: {
  readonly path: string;
  readonly schemaVersion: number;
  readonly schema: z.ZodType<Data>;
  readonly clock: Pick<Clock, 'now'>;
}): DocumentFile<Data> {
  const { path, clock } = options;
  return {
    read() {
      let text: string;
      try {
        text = readFileSync(path, 'utf8');
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { kind: 'none' };
        throw error;
      }
      let document: unknown;
      try {
        document = JSON.parse(text);
      } catch {
        document = undefined;
      }
      if (versionOf(document) > options.schemaVersion) return { kind: 'newer' };
      const parsed = options.schema.safeParse(document);
      if (parsed.success) return { kind: 'ok', data: parsed.data };
      const keptAs = `${path}.corrupt-${new Date(clock.now()).toISOString().replaceAll(/[:.]/g, '-')}`;
      renameSync(path, keptAs);
      return { kind: 'corrupt', keptAs };
    },
    write(data) {
      const folder = dirname(path);
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      const temporary = join(folder, `.${randomBytes(6).toString('hex')}.tmp`);
      try {
        const file = openSync(temporary, 'wx', 0o600);
        try {
          const bytes = Buffer.from(`${JSON.stringify(data, null, 2)}\n`);
          for (let written = 0; written < bytes.length; ) written += writeSync(file, bytes, written);
          fsyncSync(file);
        } finally {
          closeSync(file);
        }
        renameSync(temporary, path);
      } catch (error) {
        rmSync(temporary, { force: true });
        throw error;
      }
      syncFolder(folder);
    },
    remove() {
      rmSync(path, { force: true });
    },
  };
}

function versionOf(document: unknown): number {
  if (typeof document !== 'object' || document === null || !('schemaVersion' in document)) return 0;
  return Number.isSafeInteger(document.schemaVersion) ? Number(document.schemaVersion) : 0;
}

/** Makes the rename itself durable; Windows cannot open folders, and some file systems refuse. */
function syncFolder(folder: string): void {
  if (process.platform === 'win32') return;
  try {
    const handle = openSync(folder, 'r');
    try {
      fsyncSync(handle);
    } finally {
      closeSync(handle);
    }
  } catch {
    // Without it the rename is still atomic, only not yet on disk.
  }
}
