import { execFile } from 'node:child_process';
import { constants, existsSync, lstatSync, readlinkSync, realpathSync, statSync } from 'node:fs';
import { access } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, resolve } from 'node:path';
import { ServerFailure } from '../failure.ts';
import type { ChildEnvironment } from './child-environment.ts';
import { findCommand } from './command.ts';

/**
 * What a server may have of this machine (`measured.md` §3). Its program, the package that its script lies in, and the
 * system's programs and libraries are always readable: it could not start without.
 */
export interface Isolation {
  /** Folders that it may read, absolute. */
  readonly read: readonly string[];
  /** Folders that it may read and write, absolute. */
  readonly write: readonly string[];
  /** Whether it may use the network; without it not even services on this machine are reached. */
  readonly network: boolean;
  /** Only its environment is reduced: all that can be done where there is no bubblewrap. */
  readonly environmentOnly: boolean;
}

/** What a child is started with. */
export interface Startable {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly environment: ChildEnvironment;
  readonly cwd: string;
}

/** Whether this machine can isolate. */
export type IsolationSupport =
  | { readonly ok: true; readonly bwrap: string }
  | { readonly ok: false; readonly why: string; readonly hint: string };

const noWay = 'Only the environment can be reduced here: sallyport servers isolate NAME --environment-only.';
const probeMs = 10_000;
/** What makes namespaces; every run has it. */
const walls = ['--unshare-all', '--die-with-parent', '--cap-drop', 'ALL'] as const;

/**
 * Looks once whether bubblewrap is there and may make namespaces, by doing it: settings of the system do not tell all of it.
 * @param path where to look for it, as in PATH; default: the usual folders
 */
export async function probeIsolation(
  platform: NodeJS.Platform = process.platform,
  path = '/usr/bin:/bin:/usr/local/bin',
): Promise<IsolationSupport> {
  if (platform !== 'linux') {
    const system = platform === 'darwin' ? 'macOS' : platform === 'win32' ? 'Windows' : platform;
    return { ok: false, why: `On ${system} Sallyport cannot keep a server from files or the network.`, hint: noWay };
  }
  const bwrap = path
    .split(':')
    .map((folder) => join(folder, 'bwrap'))
    .find((file) => existsSync(file));
  if (bwrap === undefined || !(await runs(bwrap))) {
    return {
      ok: false,
      why: 'Isolation needs bubblewrap (bwrap), and it is not installed.',
      hint: `Install it, on Debian and Ubuntu: sudo apt install bubblewrap. ${noWay}`,
    };
  }
  const args = [
    ...walls,
    ...systemFolders(),
    '--proc',
    '/proc',
    '--dev',
    '/dev',
    '--tmpfs',
    '/tmp',
    '--',
    '/usr/bin/true',
  ];
  const said = await new Promise<string | undefined>((done) => {
    execFile(bwrap, args, { timeout: probeMs, env: { PATH: '/usr/bin:/bin' } }, (error, _stdout, stderr) => {
      done(error ? stderr.split('\n')[0]?.trim() || error.message : undefined);
    });
  });
  if (said === undefined) return { ok: true, bwrap };
  return {
    ok: false,
    why: `bubblewrap is installed, and this system does not let it make namespaces: ${said}.`,
    hint: `Inside a container or where AppArmor forbids user namespaces this is so; ask whoever runs the system. ${noWay}`,
  };
}

async function runs(file: string): Promise<boolean> {
  return await access(file, constants.X_OK).then(
    () => true,
    () => false,
  );
}

/** Whether a folder holds one that is kept out, or lies in it, links resolved. */
export function opensKeptOut(folder: string, keptOut: readonly string[]): boolean {
  const granted = real(folder);
  return keptOut.map(real).some((secret) => within(secret, granted) || within(granted, secret));
}

/** Programs that fetch what they run, or run it elsewhere: walls around them hold nothing, or nothing in. */
const fetchers = new Set(['npx', 'uvx', 'bunx', 'pnpx', 'pipx', 'dlx']);
const elsewhere = new Set(['docker', 'podman', 'nerdctl', 'ssh', 'flatpak', 'snap']);

/**
 * The command line that runs a server inside its walls. No secret is in it: values of the environment go in the environment.
 * @param support as {@link probeIsolation} found
 * @param keptOut folders that must not be inside, whatever was granted: the data folder
 * @throws ServerFailure `server_not_ready`: it does not start without its walls
 */
export async function isolate(
  child: Startable,
  isolation: Isolation,
  support: IsolationSupport,
  keptOut: readonly string[],
): Promise<Startable> {
  const environment = reduced(child.environment);
  if (isolation.environmentOnly) return { ...child, environment };
  if (!support.ok) {
    throw new ServerFailure('server_not_ready', 'crashed', `${child.name} is to run isolated. ${support.why}`, {
      hint: support.hint,
    });
  }
  const program = basename(child.command);
  if (elsewhere.has(program)) throw unsuitable(child, `${program} runs it somewhere else, where these walls are not`);
  if (fetchers.has(program) && !isolation.network) {
    throw unsuitable(child, `${program} fetches what it runs, and an isolated server has no network`);
  }
  const file = await findCommand(child.command, {
    path: child.environment.variables.PATH,
    cwd: child.cwd,
    platform: 'linux',
  });
  const needed = programPlaces(file, child.args, child.environment.variables.HOME);
  const granted = [...isolation.read, ...isolation.write].map((folder) => real(folder));
  for (const folder of [...needed, ...granted]) {
    if (opensKeptOut(folder, keptOut)) throw unsuitable(child, `${folder} would open Sallyport's own folder to it`);
  }
  for (const folder of granted) {
    if (!existsSync(folder)) throw unsuitable(child, `the folder ${folder} that was granted does not exist`);
  }
  const inside = [...granted, ...needed].some((folder) => within(real(child.cwd), folder));
  const start = inside ? child.cwd : (isolation.write[0] ?? isolation.read[0] ?? '/tmp');
  const args = [
    ...walls,
    ...(isolation.network ? ['--share-net', ...networkFiles] : []),
    ...systemFolders(),
    '--proc',
    '/proc',
    '--dev',
    '/dev',
    // Before what is granted: a grant below /tmp is put into it.
    '--tmpfs',
    '/tmp',
    ...needed.flatMap((place) => ['--ro-bind', place, place]),
    ...isolation.read.flatMap((folder) => ['--ro-bind', real(folder), folder]),
    ...isolation.write.flatMap((folder) => ['--bind', real(folder), folder]),
    '--chdir',
    start,
    '--',
    file,
    ...child.args,
  ];
  // Its own home is not there; what it keeps in /tmp is gone when it ends.
  const variables = { ...environment.variables, ...(environment.secret.has('HOME') ? {} : { HOME: '/tmp' }) };
  return { ...child, command: support.bwrap, args, environment: { ...environment, variables }, cwd: '/' };
}

const networkFiles = [
  '/etc/resolv.conf',
  '/etc/hosts',
  '/etc/nsswitch.conf',
  '/etc/ssl',
  '/etc/ca-certificates',
].flatMap((file) => ['--ro-bind-try', file, file]);

/** Programs and libraries of the system, read-only; of `/etc` only what programs need to start. */
function systemFolders(): string[] {
  const folders = ['/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32'].flatMap((folder) => {
    const found = lstatSync(folder, { throwIfNoEntry: false });
    if (!found) return [];
    return found.isSymbolicLink() ? ['--symlink', readlinkSync(folder), folder] : ['--ro-bind', folder, folder];
  });
  const files = ['/etc/alternatives', '/etc/ld.so.cache', '/etc/passwd', '/etc/localtime'];
  return ['--ro-bind', '/usr', '/usr', ...folders, ...files.flatMap((file) => ['--ro-bind-try', file, file])];
}

/** The program itself, and of each script that its arguments name the package it lies in. */
function programPlaces(file: string, args: readonly string[], home: string | undefined): string[] {
  const places = new Set<string>();
  const add = (place: string): void => {
    if (!within(place, '/usr')) places.add(place);
  };
  add(file);
  add(real(file));
  const entry = packageOf(real(file), home);
  if (entry !== undefined && basename(dirname(real(file))) !== 'bin') add(entry);
  for (const argument of args) {
    if (!isAbsolute(argument) || !statSync(argument, { throwIfNoEntry: false })?.isFile()) continue;
    const place = packageOf(real(argument), home);
    add(place ?? real(argument));
    // What a package needs may lie elsewhere as a whole: a store that several share.
    if (place !== undefined && existsSync(join(place, 'node_modules'))) add(real(join(place, 'node_modules')));
    add(argument);
  }
  return [...places];
}

/** The folder with the package that a file belongs to; never the home folder, nor one around it. */
function packageOf(file: string, home: string | undefined): string | undefined {
  for (let folder = dirname(file); folder !== dirname(folder); folder = dirname(folder)) {
    if (home !== undefined && within(real(home), folder)) return undefined;
    if (['package.json', 'pyproject.toml', 'setup.py'].some((name) => existsSync(join(folder, name)))) {
      // A package that was installed finds what it needs beside it.
      const modules = folder.lastIndexOf('/node_modules/');
      return modules < 0 ? folder : folder.slice(0, modules + '/node_modules'.length);
    }
  }
  return undefined;
}

/** The way to its programs, a home of its own, and the person's variables. */
function reduced(environment: ChildEnvironment): ChildEnvironment {
  const kept = ['PATH', 'HOME', 'SYSTEMROOT', 'SYSTEMDRIVE', 'COMSPEC', 'PATHEXT', 'TEMP', 'TMP'];
  const variables = Object.fromEntries(
    Object.entries(environment.variables).filter(([name]) => kept.includes(name.toUpperCase())),
  );
  return { secret: environment.secret, variables: { ...variables, ...Object.fromEntries(environment.secret) } };
}

function real(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return resolve(path);
  }
}

/** Whether `path` is `folder` or lies in it. */
function within(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith('/') ? folder : `${folder}/`);
}

function unsuitable(child: Startable, why: string): ServerFailure {
  return new ServerFailure('server_not_ready', 'crashed', `${child.name} cannot run isolated: ${why}.`, {
    hint: 'Change what it may have: sallyport servers isolate NAME --read DIR --write DIR, or --off.',
  });
}
