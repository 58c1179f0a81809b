import { createHash, randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { copyFile, mkdir, realpath, stat } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join } from 'node:path';
import * as z from 'zod';
import { type Clock, timestamp } from '../../../shared/clock.ts';
import { asSallyportError, SallyportError } from '../../../shared/errors.ts';
import { type WritableProgram, writableProgramIds, writablePrograms } from '../../../shared/programs.ts';
import { createDocumentFile } from '../../state/document-file.ts';
import { writeDurably } from '../../state/durable-file.ts';
import { type Machine, projectLocations, userLocations } from '../discovery/config-locations.ts';
import { readSmallFile } from '../discovery/read-file.ts';
import { entryForms, entryIn, withEntry } from './entry-text.ts';
import { type LineChange, lineChange } from './line-change.ts';

/** What {@link createProgramFiles} needs. */
export interface ProgramFilesDeps {
  readonly machine: Machine;
  readonly clock: Clock;
  /** Files as they were before are kept in `<data>/kept-files`, what was written in `<data>/written-entries.json`. */
  readonly dataFolder: string;
  readonly onTrouble: (error: SallyportError) => void;
}

/** Which entry, in which program's file. */
export interface EntryWish {
  readonly program: WritableProgram;
  readonly slug: string;
  readonly url: string;
  /** Absolute folder of a project; absent = the person's own file. */
  readonly project?: string;
  /** Stands for a token in what is shown. */
  readonly token?: string;
}

/** The exact change to a file, before anything is written. */
export interface EntryProposal {
  readonly file: string;
  readonly exists: boolean;
  readonly lines: readonly LineChange[];
  /** Names file and change: it is written only while both are still what was shown. */
  readonly digest: string;
  /** The repository in which the file lies, if it does. */
  readonly repository?: string;
}

/** Writes entries into the configuration files of other programs, and takes them out again. */
export interface ProgramFiles {
  /** @throws SallyportError at hop `app`: `no_such_program_file`, `program_file_unreadable`, `program_entry_exists`, … */
  propose(wish: EntryWish): Promise<EntryProposal>;
  /**
   * Writes what was shown under `digest`, `token` in place of the one that stood for it.
   * @throws SallyportError at hop `app`: as {@link propose}, and `program_file_changed`, `program_file_unwritable`
   */
  write(wish: EntryWish, digest: string, token?: string): Promise<{ file: string; kept?: string }>;
  /** Takes out what was written for a server, where it is still as it was written. @returns the files that were changed */
  undo(slug: string): Promise<string[]>;
}

const maxBytes = 32 * 1024 * 1024;
const written = z.strictObject({
  schemaVersion: z.literal(1),
  entries: z.array(
    z.strictObject({
      slug: z.string(),
      program: z.enum(writableProgramIds),
      file: z.string(),
      /** SHA-256 of the entry as it was written: it may hold a token. */
      entry: z.string(),
    }),
  ),
});
type Written = z.infer<typeof written>['entries'][number];

/** Makes it. Nothing is read before it is asked. */
export function createProgramFiles(deps: ProgramFilesDeps): ProgramFiles {
  const { machine, clock, dataFolder } = deps;
  const document = createDocumentFile({
    path: join(dataFolder, 'written-entries.json'),
    schemaVersion: 1,
    schema: written,
    clock,
  });
  const remembered = (): Written[] => {
    const read = document.read();
    return read.kind === 'ok' ? read.data.entries : [];
  };
  const remember = (entries: readonly Written[]): void => document.write({ schemaVersion: 1, entries: [...entries] });

  const plan = async (wish: EntryWish) => {
    const file = await fileOf(machine, wish);
    const before = await textOf(file);
    const form = entryForms[wish.program];
    const headers = wish.token === undefined ? undefined : { Authorization: `Bearer ${wish.token}` };
    const entry = form.entry(wish.url, headers);
    const after = withEntry(form, before ?? '', wish.slug, entry);
    const digest = createHash('sha256')
      .update(JSON.stringify([file, before ?? null, after]))
      .digest('hex');
    return { file, before, after, entry, digest: `sha256:${digest}` };
  };

  const replace = async (file: string, before: string | undefined, after: string, secret = false) => {
    let kept: string | undefined;
    try {
      if (before === undefined) await mkdir(dirname(file), { recursive: true, mode: 0o700 });
      else kept = await keep(dataFolder, file, clock);
      // A token is for nobody else on this machine.
      const mode = before === undefined ? 0o600 : (await stat(file)).mode & (secret ? 0o700 : 0o777);
      if ((await textOf(file)) !== before) throw changedMeanwhile(file);
      await writeDurably(file, after, mode);
      return kept;
    } catch (error) {
      if (error instanceof SallyportError) throw error;
      throw new SallyportError('program_file_unwritable', 'app', `${file} cannot be written.`, {
        hint: 'Check its owner and permissions. Nothing was changed.',
        cause: error,
      });
    }
  };

  return {
    async propose(wish) {
      const { file, before, after, digest } = await plan(wish);
      const repository = await repositoryOf(file);
      return {
        file,
        exists: before !== undefined,
        lines: lineChange(before ?? '', after),
        digest,
        ...(repository === undefined ? {} : { repository }),
      };
    },
    async write(wish, digest, token) {
      const planned = await plan(wish);
      if (planned.digest !== digest) throw changedMeanwhile(planned.file);
      const { file, before, after, entry } = token === undefined ? planned : await plan({ ...wish, token });
      const kept = await replace(file, before, after, token !== undefined);
      const others = remembered().filter((one) => one.slug !== wish.slug || one.file !== file);
      remember([...others, { slug: wish.slug, program: wish.program, file, entry: fingerprint(entry) }]);
      return { file, ...(kept === undefined ? {} : { kept }) };
    },
    async undo(slug) {
      const changed: string[] = [];
      for (const { program, file, entry } of remembered().filter((one) => one.slug === slug)) {
        try {
          const form = entryForms[program];
          const before = await textOf(file);
          // What somebody changed since is theirs.
          if (before === undefined || fingerprint(entryIn(form, before, slug)) !== entry) continue;
          const after = withEntry(form, before, slug, undefined);
          if (after === before) continue;
          await replace(file, before, after);
          changed.push(file);
        } catch (error) {
          deps.onTrouble(asSallyportError(error, 'app'));
        }
      }
      const left = remembered();
      if (left.some((one) => one.slug === slug)) remember(left.filter((one) => one.slug !== slug));
      return changed;
    },
  };
}

/** The file that a wish means, links followed: a link of a dotfile manager stays one. */
async function fileOf(machine: Machine, { program, project }: EntryWish): Promise<string> {
  const label = writablePrograms[program];
  const [source, all] =
    project === undefined ? [label, userLocations(machine)] : [`${label} (project)`, projectLocations(project)];
  const found = all.find((one) => one.source === source && one.format !== 'vscode-settings');
  if (!found || (project !== undefined && !isAbsolute(project))) {
    throw new SallyportError('no_such_program_file', 'app', `${label} has no file of that kind.`, {
      hint:
        project === undefined ? 'Connect it by hand.' : 'Leave the project out, or name its folder by its whole path.',
    });
  }
  return await realpath(found.file).catch(() => found.file);
}

async function textOf(file: string): Promise<string | undefined> {
  try {
    return await readSmallFile(file, maxBytes);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new SallyportError('program_file_unreadable', 'app', `${file} cannot be read: ${why}.`, {
      hint: 'Mend it in its program or an editor. Nothing was changed.',
    });
  }
}

/** Keeps the file as it is now among our own, readable by its owner alone: it may hold anybody's secrets. */
async function keep(dataFolder: string, file: string, clock: Clock): Promise<string> {
  const folder = join(dataFolder, 'kept-files');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const path = join(
    folder,
    `${timestamp(clock).replaceAll(/[:.]/g, '-')}-${randomBytes(3).toString('hex')}-${basename(file)}`,
  );
  await copyFile(file, path, constants.COPYFILE_EXCL);
  return path;
}

async function repositoryOf(file: string): Promise<string | undefined> {
  for (let folder = dirname(file); ; folder = dirname(folder)) {
    if (await stat(join(folder, '.git')).catch(() => undefined)) return folder;
    if (dirname(folder) === folder) return undefined;
  }
}

function fingerprint(entry: unknown): string {
  return createHash('sha256')
    .update(JSON.stringify(sorted(entry)) ?? '')
    .digest('hex');
}

/** Members in one order, whatever order a program wrote them in. */
function sorted(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(sorted);
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([k, v]) => [k, sorted(v)]),
  );
}

function changedMeanwhile(file: string): SallyportError {
  return new SallyportError('program_file_changed', 'app', `${file} changed since its change was shown.`, {
    hint: 'Look at the change again. Nothing was written.',
  });
}
