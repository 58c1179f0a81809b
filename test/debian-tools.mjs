import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Programs that some tests need, with the Debian package that brings each. */
const packages = {
  pebble: 'pebble',
  'pebble-challtestsrv': 'pebble',
  sshd: 'openssh-server',
  ssh: 'openssh-client',
  bwrap: 'bubblewrap',
};

/**
 * Finds a program, and installs it with apt-get where it is missing, this is Debian, and the user is root.
 * @param {keyof typeof packages} name
 * @returns {string | undefined} its path; tests that need a program that cannot be had say so in their names
 */
export function provideTool(name) {
  const found = onPath(name);
  if (found || process.platform !== 'linux' || process.getuid?.() !== 0) return found;
  install(packages[name]);
  return onPath(name);
}

/**
 * Finds a Python that has a module, and installs Debian's package of it under the same conditions as {@link provideTool}.
 * @param {string} name
 * @returns {string | undefined} the interpreter: the one on the PATH, else the system's, which is what Debian's packages are for
 */
export function providePythonWith(name) {
  const find = () => ['python3', '/usr/bin/python3'].find((python) => run(python, ['-c', `import ${name}`]));
  const found = find();
  if (found || process.platform !== 'linux' || process.getuid?.() !== 0) return found;
  install(`python3-${name}`);
  return find();
}

/** @param {string} name */
function install(name) {
  if (!run('apt-get', ['--version'])) return;
  const words = ['-y', '-q', '-o', 'Dpkg::Use-Pty=0', '--no-install-recommends', 'install', name];
  // Lists that are already there may do; a fresh machine has none.
  if (!run('apt-get', words) && run('apt-get', ['-q', 'update'])) run('apt-get', words);
}

function onPath(name) {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin'];
  return folders
    .filter((folder) => folder)
    .map((folder) => join(folder, name))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

function run(command, args) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  return spawnSync(command, args, { stdio: 'ignore', env, timeout: 10 * 60_000 }).status === 0;
}
