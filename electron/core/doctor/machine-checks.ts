import { access, constants, readFile, stat, statfs } from 'node:fs/promises';
import { createServer } from 'node:net';
import { delimiter, isAbsolute, join } from 'node:path';
import * as z from 'zod';
import { readSettingsText, type SettingsReading } from '../settings/settings-document.ts';
import { bad, type Check, good } from './check.ts';
import { hidden, plain, words } from './words.ts';

/** Free space below which writing may soon fail, in bytes. */
const leastFree = 200 * 1_048_576;

/** The oldest Node that has what the core needs. */
const leastNode: readonly [number, number] = [22, 13];

/** The data folder: there, a folder, ours alone. */
export async function checkDataFolder(dataDir: string): Promise<Check> {
  const where = hidden('data folder', dataDir);
  try {
    const info = await stat(dataDir);
    if (!info.isDirectory()) {
      return bad('data-folder', 'app', words`${where} is not a folder.`, words`Move it away, or use --data-dir.`);
    }
    if (process.platform !== 'win32' && (info.mode & 0o077) !== 0) {
      return bad('data-folder', 'app', words`Other users can enter ${where}.`, words`Run: chmod 700 ${where}`);
    }
    await access(dataDir, constants.R_OK | constants.W_OK | constants.X_OK);
    return good('data-folder', 'app', words`${where} is there, and yours alone.`);
  } catch (error) {
    const code = plain((error as NodeJS.ErrnoException).code ?? 'unknown');
    if (code.here === 'ENOENT') {
      return bad('data-folder', 'app', words`There is no ${where} yet.`, words`Start Sallyport once: it makes it.`);
    }
    return bad(
      'data-folder',
      'app',
      words`${where} cannot be used (${code}).`,
      words`Check its owner and permissions, or choose another one with --data-dir.`,
    );
  }
}

/** Space left on the disk of the data folder. */
export async function checkDisk(dataDir: string): Promise<Check> {
  try {
    const { bavail, bsize } = await statfs(dataDir);
    const free = bavail * bsize;
    const megabytes = Math.floor(free / 1_048_576);
    if (free >= leastFree) return good('disk', 'app', words`${megabytes} MiB are free for data.`);
    return bad(
      'disk',
      'app',
      words`Only ${megabytes} MiB are free where the data lies.`,
      words`Make room: a full disk stops the request log, and without it no call runs.`,
    );
  } catch (error) {
    const code = plain((error as NodeJS.ErrnoException).code ?? 'unknown');
    return good('disk', 'app', words`Free space cannot be told (${code}).`);
  }
}

/** This program's, Node's and the running instance's versions. */
export function checkVersions(version: string, running: string | undefined): Check {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const runtime = plain(`Node ${process.versions.node} on ${process.platform} ${process.arch}`);
  const mine = plain(version);
  if (major < leastNode[0] || (major === leastNode[0] && minor < leastNode[1])) {
    return bad(
      'versions',
      'app',
      words`This is ${runtime}.`,
      words`Use Node ${leastNode[0]}.${leastNode[1]} or newer; 24 is best.`,
    );
  }
  if (running !== undefined && running !== version) {
    return bad(
      'versions',
      'app',
      words`Sallyport ${plain(running)} runs, and this command line is ${mine}.`,
      words`Restart Sallyport, so that both are the same.`,
    );
  }
  return good('versions', 'app', words`Sallyport ${mine}, ${runtime}.`);
}

/** Settings as they lie on the disk. Reads, never writes. */
export async function checkSettings(dataDir: string): Promise<{ check: Check; reading: SettingsReading | undefined }> {
  let text: string;
  try {
    text = await readFile(join(dataDir, 'settings.json'), 'utf8');
  } catch (error) {
    const code = plain((error as NodeJS.ErrnoException).code ?? 'unknown');
    const check =
      code.here === 'ENOENT'
        ? good('settings', 'app', words`There are none yet: the defaults hold.`)
        : bad('settings', 'app', words`They cannot be read (${code}).`, words`Check the owner of settings.json.`);
    return { check, reading: undefined };
  }
  const reading = readSettingsText(text);
  if (reading.kind === 'good') {
    const { servers } = reading.settings;
    const shared = servers.filter((server) => server.shared).length;
    return { check: good('settings', 'app', words`${servers.length} servers, ${shared} of them shared.`), reading };
  }
  const check =
    reading.kind === 'newer'
      ? bad(
          'settings',
          'app',
          words`A newer Sallyport wrote them (version ${reading.version}).`,
          words`Use that Sallyport, or another folder with --data-dir.`,
        )
      : bad(
          'settings',
          'app',
          words`They cannot be understood: ${hidden('why', reading.why)}.`,
          words`Sallyport keeps them aside at its next start and begins with new ones.`,
        );
  return { check, reading };
}

const sealedNames = z.looseObject({ values: z.record(z.string(), z.looseObject({ sealer: z.string() })) });

/** Secrets: there, ours alone, and by what they are sealed. Opens none. */
export async function checkSecrets(dataDir: string): Promise<{ check: Check; names: ReadonlySet<string> }> {
  const folder = join(dataDir, 'secrets');
  const answer = (check: Check, names: Iterable<string> = []) => ({ check, names: new Set(names) });
  try {
    const path = join(folder, 'secrets.json');
    const text = await readFile(path, 'utf8');
    const { values } = sealedNames.parse(JSON.parse(text));
    const sealers = new Set(Object.values(values).map((value) => value.sealer));
    if (process.platform !== 'win32' && ((await stat(path)).mode & 0o077) !== 0) {
      return answer(
        bad('secrets', 'app', words`Other users can read the sealed secrets.`, words`Take their permissions away.`),
      );
    }
    if (sealers.has('keyfile')) {
      const mode = (await stat(join(folder, 'keyfile'))).mode;
      if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
        return answer(
          bad('secrets', 'app', words`Other users can read the key file.`, words`Take their permissions away.`),
        );
      }
    }
    const how = plain([...sealers].sort().join(', ') || 'nothing');
    const note = sealers.has('keyfile')
      ? words`; the key lies in a file beside them, not in a keyring, so programs of your user can open them`
      : words``;
    const count = Object.keys(values).length;
    return answer(good('secrets', 'app', words`${count}, sealed by ${how}${note}.`), Object.keys(values));
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT') {
      const missingKey = await stat(join(folder, 'secrets.json')).then(
        () => true,
        () => false,
      );
      if (!missingKey) return answer(good('secrets', 'app', words`There are none yet.`));
      return answer(
        bad('secrets', 'app', words`The key file is missing.`, words`Put it back from a backup of the data folder.`),
      );
    }
    return answer(
      bad(
        'secrets',
        'app',
        words`They cannot be read (${plain(code ?? 'damaged')}).`,
        words`Put secrets/secrets.json back from a backup; nothing is made in its place.`,
      ),
    );
  }
}

/** With no instance running: whether the port of the embedded edge could be taken; one that nobody was told gives way. */
export async function checkPort({ port, chosen }: { readonly port: number; readonly chosen: boolean }): Promise<Check> {
  const code = await new Promise<string | undefined>((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'unknown'));
    server.listen({ host: '127.0.0.1', port, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
  if (code === undefined) return good('ports', 'edge', words`Port ${port} is free.`);
  if (!chosen) return good('ports', 'edge', words`Port ${port} is taken; a free one will be used in its place.`);
  return bad(
    'ports',
    'edge',
    words`Port ${port}, by which agents come in, is held by another program (${plain(code)}).`,
    words`End that program: the port is part of addresses that were given out.`,
  );
}

/** With no instance running: whether a server's program is there at all. */
export async function checkCommand(slug: string, command: string, path: string): Promise<Check> {
  const name = `server:${slug}`;
  const shown = hidden('command', command);
  const suffixes = process.platform === 'win32' ? ['', '.exe', '.cmd', '.bat'] : [''];
  const places = isAbsolute(command) ? [''] : path.split(delimiter);
  for (const place of places) {
    for (const suffix of suffixes) {
      const found = await access(join(place, `${command}${suffix}`), constants.X_OK).then(
        () => true,
        () => false,
      );
      if (found) return good(name, 'server', words`Its program ${shown} is there.`);
    }
  }
  return bad(name, 'server', words`Its program ${shown} is not there.`, words`Install it, or correct the command.`);
}
