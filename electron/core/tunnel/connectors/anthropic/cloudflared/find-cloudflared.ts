import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { delimiter, isAbsolute, join } from 'node:path';
import { promisify } from 'node:util';
import { SallyportError } from '../../../../../shared/errors.ts';

/** A `cloudflared` that can be run. */
export interface Cloudflared {
  /** Absolute path. */
  readonly path: string;
  /** For instance `2026.8.2`. */
  readonly version: string;
}

/**
 * Oldest version that is run: Cloudflare supports a release for one year, and the newest that this was written against is
 * 2026.8.2.
 */
export const oldestCloudflared = '2025.8.0';

const hint =
  'Install cloudflared 2025.8.0 or later (developers.cloudflare.com), or name the file with --cloudflared. Sallyport downloads nothing by itself.';

/**
 * Finds `cloudflared` and asks it for its version.
 * @param chosen absolute path that the person chose; else the PATH is searched
 * @throws SallyportError at hop `tunnel`: `cloudflared_missing`, `cloudflared_too_old`, `cloudflared_broken`
 */
export async function findCloudflared(chosen: string | undefined, searchPath: string): Promise<Cloudflared> {
  const path = await locate(chosen, searchPath);
  let output: string;
  try {
    // No environment of ours: whatever this file is, it gets no token for saying its version.
    const { stdout } = await promisify(execFile)(path, ['--version'], { timeout: 10_000, env: { PATH: searchPath } });
    output = stdout;
  } catch (error) {
    throw new SallyportError('cloudflared_broken', 'tunnel', `${path} does not run.`, { hint, cause: error });
  }
  const version = /cloudflared version ([0-9]{4}\.[0-9]{1,2}\.[0-9]{1,3})/.exec(output)?.[1];
  if (version === undefined) {
    throw new SallyportError('cloudflared_broken', 'tunnel', `${path} does not say that it is cloudflared.`, { hint });
  }
  if (compare(version, oldestCloudflared) < 0) {
    throw new SallyportError(
      'cloudflared_too_old',
      'tunnel',
      `${path} is cloudflared ${version}; at least ${oldestCloudflared} is needed.`,
      { hint: 'Update it the way it was installed.' },
    );
  }
  return { path, version };
}

async function locate(chosen: string | undefined, searchPath: string): Promise<string> {
  const names = process.platform === 'win32' ? ['cloudflared.exe'] : ['cloudflared'];
  const candidates =
    chosen === undefined
      ? searchPath.split(delimiter).flatMap((folder) => (isAbsolute(folder) ? names.map((n) => join(folder, n)) : []))
      : [chosen];
  for (const candidate of candidates) {
    const runs = await access(candidate, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (runs) return candidate;
  }
  throw new SallyportError(
    'cloudflared_missing',
    'tunnel',
    chosen === undefined ? 'cloudflared is not on the PATH.' : `${chosen} is not there or cannot be run.`,
    { hint },
  );
}

function compare(a: string, b: string): number {
  const [left, right] = [a.split('.').map(Number), b.split('.').map(Number)];
  for (let index = 0; index < 3; index += 1) {
    const difference = (left[index] ?? 0) - (right[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
