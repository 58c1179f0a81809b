import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { makeBackup } from '../core/backup/make-backup.ts';
import { removeInstallation } from '../core/backup/remove-installation.ts';
import { restoreBackup } from '../core/backup/restore-backup.ts';
import { createKeyfileSealer } from '../core/secrets/keyfile-sealer.ts';
import { createSecrets } from '../core/secrets/secrets-file.ts';
import { openDataFolder } from '../core/state/data-folder.ts';
import { systemClock } from '../core/state/system-clock.ts';
import { SallyportError } from '../shared/errors.ts';
import { usageError } from './failures.ts';
import { ask, askOr } from './instance.ts';
import type { CliIo } from './io.ts';
import { counted, shown } from './output.ts';
import { promptSecret, readSource } from './secret-input.ts';

/** `backup`, `restore`, `reset`, `remove`. */
export function registerUpkeepCommands(program: Command, io: CliIo): void {
  program
    .command('backup')
    .description('Write everything of this installation into one sealed file, and say the code that opens it')
    .argument('<file>')
    .action(async (file: string) => {
      const path = resolve(file);
      const made = await askOr(
        io,
        (client) => client.request('app.backup', { path }),
        () => backupAlone(io, path),
      );
      io.print(made, () =>
        [
          `${shown(made.path)} (${made.bytes.toLocaleString('en-US')} bytes) holds everything, secrets too, sealed.`,
          `It opens with this code, which is kept nowhere else:\n\n  ${made.code}\n`,
        ].join('\n'),
      );
    });

  program
    .command('restore')
    .description('Make the data folder what a backup says; asks for its code. Sallyport must not be running')
    .argument('<file>')
    .option('--code-file <file>', 'the code from a file, or - for standard input')
    .option('--replace', 'put the installation that is there aside')
    .action(async (file: string, options: { codeFile?: string; replace?: boolean }) => {
      const code =
        options.codeFile === undefined
          ? await promptSecret(io, 'Code of the backup', '--code-file FILE, or --code-file - for standard input')
          : (await readSource(io, options.codeFile)).trim();
      const restored = await restoreBackup({
        dataDir: io.dataDir(),
        path: resolve(file),
        code,
        clock: systemClock,
        replace: options.replace === true,
      });
      io.print(restored, () =>
        [
          `Restored to ${shown(restored.dataDir)} as of ${restored.createdAt}. It is paused: start it, look around, resume.`,
          ...(restored.replaced === undefined
            ? []
            : [`What was there before lies in ${shown(restored.replaced)}; delete it when you need it no more.`]),
          'If the machine that it came from still runs Sallyport, end that one: two with the same keys disturb each other.',
        ].join('\n'),
      );
    });

  program
    .command('reset')
    .description('Make every key anew: a new authority, and every agent must be let in again')
    .option('--yes', 'do not ask')
    .action(async (options: { yes?: boolean }) => {
      await confirm(io, options.yes, 'Every agent loses its access. Type RESET to go on', 'RESET');
      const done = await ask(io, 'app.resetKeys', {});
      io.print(done, () =>
        [
          `The new authority is ${done.fingerprint}: agents must trust it (sallyport tunnel ca).`,
          done.agents.length === 0
            ? 'No agent had access.'
            : `To be let in again: ${done.agents.map(({ name, servers }) => `${shown(name, 60)} (${servers.join(', ')})`).join('; ')}.`,
        ].join('\n'),
      );
    });

  program
    .command('remove')
    .description('Remove everything that Sallyport keeps on this machine. It must not be running')
    .option('--yes', 'do not ask')
    .action(async (options: { yes?: boolean }) => {
      const dataDir = io.dataDir();
      await confirm(
        io,
        options.yes,
        `${shown(dataDir)} goes for good, log and secrets too. Type REMOVE to go on`,
        'REMOVE',
      );
      const removed = await removeInstallation(dataDir);
      io.print(
        { removed },
        () => `Removed ${counted(removed.length, 'folder')}: ${removed.map((one) => shown(one)).join(', ')}.`,
      );
    });
}

/** Without a running instance: the folder is held meanwhile, and only a key file can open the secrets. */
async function backupAlone(io: CliIo, path: string) {
  if (!existsSync(resolve(io.dataDir(), 'settings.json'))) {
    throw new SallyportError('no_installation', 'app', `There is no installation in ${io.dataDir()}.`, {
      hint: 'Choose the data folder with --data-dir.',
    });
  }
  const folder = await openDataFolder(io.dataDir());
  try {
    const sealer = createKeyfileSealer({ path: resolve(folder.path, 'secrets/keyfile') });
    const secrets = await createSecrets({ path: resolve(folder.path, 'secrets/secrets.json'), sealer });
    return await makeBackup({ dataDir: folder.path, secrets, path, version: io.version, clock: systemClock });
  } finally {
    await folder.close();
  }
}

async function confirm(io: CliIo, yes: boolean | undefined, question: string, word: string): Promise<void> {
  if (yes) return;
  const answer = await promptSecret(io, question, '--yes');
  if (answer.trim() !== word) throw usageError('Nothing was changed.', `Type ${word}, or give --yes.`);
}
