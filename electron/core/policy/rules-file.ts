import { randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { asSallyportError, SallyportError } from '../../shared/errors.ts';
import { noRules, type RulesDocument, readRules } from './rules-document.ts';

/** The rules file of an installation. */
export interface RulesFile {
  readonly path: string;
  /** Its text as the person wrote it; empty if there is none. @throws SallyportError `rules_unreadable` */
  text(): string;
  /** @throws SallyportError `rules_unreadable`, `rules_invalid` */
  read(): RulesDocument;
  /** Replaces it: temp file, fsync, rename. The text was checked. @throws SallyportError `rules_unwritable` */
  write(text: string): void;
}

/** `<data>/rules.yaml`. */
export function createRulesFile(dataFolder: string): RulesFile {
  const path = join(dataFolder, 'rules.yaml');
  const text = (): string => {
    try {
      return new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(path));
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return '';
      throw new SallyportError('rules_unreadable', 'policy', `The rules file ${path} cannot be read.`, {
        hint: 'Check its owner and permissions, and that it is UTF-8.',
        cause: error,
      });
    }
  };
  return {
    path,
    text,
    read: () => {
      const found = text();
      return found.trim() === '' ? noRules : readRules(found, path);
    },
    write(content) {
      const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
      try {
        const file = openSync(temporary, 'wx', 0o600);
        try {
          const bytes = Buffer.from(content);
          for (let written = 0; written < bytes.length; ) written += writeSync(file, bytes, written);
          fsyncSync(file);
        } finally {
          closeSync(file);
        }
        renameSync(temporary, path);
      } catch (error) {
        rmSync(temporary, { force: true });
        throw new SallyportError('rules_unwritable', 'policy', `The rules file ${path} cannot be written.`, {
          hint: 'Check that the data folder is writable and has room. Nothing was changed.',
          cause: error,
        });
      }
    },
  };
}

/** Rules that stand in for a file which cannot be used: nothing runs unasked, since a denial may be among what is lost. */
export function rulesInPlaceOf(error: unknown): RulesDocument {
  const reason = `Your rules cannot be used, so everything asks. ${asSallyportError(error, 'policy').message}`;
  return {
    ...noRules,
    rules: [{ id: 'unusable', when: {}, effect: 'ask', reason: reason.slice(0, 500), schema: undefined, line: 1 }],
  };
}
