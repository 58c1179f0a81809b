import { createHash, randomBytes } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  writeSync,
} from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { SallyportError } from '../../shared/errors.ts';

/** Longest socket path that every platform takes: longer ones fail with EINVAL (`security.md` S19). */
const maxPathBytes = 100;
const keyBytes = 32;

/** What decides where the control socket stands, apart from the data folder; read from the process if not given. */
export interface ControlEnvironment {
  readonly platform: NodeJS.Platform;
  /** `$XDG_RUNTIME_DIR`, if set. */
  readonly runtimeDir: string | undefined;
}

/** The environment of this process. */
export function controlEnvironment(): ControlEnvironment {
  return { platform: process.platform, runtimeDir: process.env.XDG_RUNTIME_DIR };
}

/**
 * Path of the control socket of a data folder: `control.sock` in it, or under a hash of it in the runtime folder where
 * that path is too long; on Windows a named pipe.
 * @param dataDir must exist
 */
export function controlAddress(dataDir: string, environment: ControlEnvironment = controlEnvironment()): string {
  const real = realpathSync(dataDir);
  const digest = createHash('sha256').update(real).digest('hex').slice(0, 32);
  if (environment.platform === 'win32') return `\\\\.\\pipe\\sallyport-${digest}`;
  const inside = join(real, 'control.sock');
  if (Buffer.byteLength(inside) <= maxPathBytes) return inside;
  return join(runtimeFolder(environment), `${digest.slice(0, 16)}.sock`);
}

function runtimeFolder({ runtimeDir }: ControlEnvironment): string {
  if (runtimeDir?.startsWith('/')) return join(runtimeDir, 'sallyport');
  return join(tmpdir(), `sallyport-${userInfo().uid}`);
}

/**
 * Makes the folder that a socket stands in, owner-only, and refuses one that somebody else made first.
 * @throws SallyportError `control_folder_unsafe` at hop `app`
 */
export function secureFolder(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const found = lstatSync(folder);
  if (!found.isDirectory() || found.uid !== userInfo().uid) {
    throw new SallyportError('control_folder_unsafe', 'app', `${folder} is not a folder of yours.`, {
      hint: 'Remove it, or choose a data folder with a shorter path.',
    });
  }
  if ((found.mode & 0o077) !== 0) chmodSync(folder, 0o700);
}

const keyFile = (dataDir: string): string => join(dataDir, 'control.key');

/**
 * The secret that both ends of the control socket prove: made on first use, 0600.
 * @throws SallyportError `control_key_unwritable` at hop `app`
 */
export function makeControlKey(dataDir: string): Uint8Array {
  const existing = readControlKey(dataDir);
  if (existing) return existing;
  const key = randomBytes(keyBytes);
  const path = keyFile(dataDir);
  try {
    const temporary = `${path}.${process.pid}`;
    const file = openSync(temporary, 'w', 0o600);
    try {
      writeSync(file, `${key.toString('base64url')}\n`);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, path);
  } catch (error) {
    throw new SallyportError('control_key_unwritable', 'app', `${path} cannot be written.`, {
      hint: 'Check that the data folder belongs to you and is writable.',
      cause: error,
    });
  }
  return key;
}

/**
 * Reads that secret; undefined if there is none, or if others can read it (then it is no secret, and the app makes a new
 * one).
 */
export function readControlKey(dataDir: string): Uint8Array | undefined {
  const path = keyFile(dataDir);
  try {
    if (process.platform !== 'win32') {
      const { mode, uid } = lstatSync(path);
      if ((mode & 0o077) !== 0 || uid !== userInfo().uid) return undefined;
    }
    const key = Buffer.from(readFileSync(path, 'utf8').trim(), 'base64url');
    return key.length === keyBytes ? key : undefined;
  } catch {
    return undefined;
  }
}
