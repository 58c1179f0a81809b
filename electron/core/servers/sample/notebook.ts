import { mkdir, readdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** A note as the list shows it. */
export interface NoteSummary {
  readonly name: string;
  readonly bytes: number;
  /** RFC 3339 UTC. */
  readonly changedAt: string;
}

/** Notes of the sample server: one text file each, `<name>.md`, in one folder. */
export interface Notebook {
  list(): Promise<NoteSummary[]>;
  /** @throws Error with a sentence for the model: a bad name, or no such note */
  read(name: string): Promise<string>;
  /** Makes or replaces a note. @throws Error with a sentence for the model: a bad name, or too many notes */
  write(name: string, text: string): Promise<'made' | 'replaced'>;
}

const maxNotes = 1_000;
/** Names that are file names on every system, and stay inside the folder. */
const goodName = /^[A-Za-z0-9](?:[A-Za-z0-9 _-]{0,62}[A-Za-z0-9])?$/;

/** @param folder made if missing */
export async function openNotebook(folder: string): Promise<Notebook> {
  await mkdir(folder, { recursive: true });
  const fileOf = (name: string): string => {
    if (!goodName.test(name)) {
      throw new Error('A note is named with 1 to 64 letters, digits, spaces, "_" or "-".');
    }
    return join(folder, `${name}.md`);
  };
  const names = async (): Promise<string[]> =>
    (await readdir(folder))
      .filter((file) => file.endsWith('.md') && goodName.test(file.slice(0, -3)))
      .map((file) => file.slice(0, -3))
      .sort();
  return {
    async list() {
      const listed = await Promise.all(
        (await names()).map(async (name): Promise<NoteSummary | undefined> => {
          const found = await stat(fileOf(name)).catch(() => undefined);
          return found?.isFile() ? { name, bytes: found.size, changedAt: found.mtime.toISOString() } : undefined;
        }),
      );
      return listed.filter((note) => note !== undefined);
    },
    async read(name) {
      const file = fileOf(name);
      return await readFile(file, 'utf8').catch(() => {
        throw new Error(`There is no note named "${name}".`);
      });
    },
    async write(name, text) {
      const file = fileOf(name);
      const known = await names();
      if (!known.includes(name) && known.length >= maxNotes)
        throw new Error(`The notebook is full: ${maxNotes} notes.`);
      const fresh = `${file}.new`;
      await writeFile(fresh, text, 'utf8');
      await rename(fresh, file);
      return known.includes(name) ? 'replaced' : 'made';
    },
  };
}
