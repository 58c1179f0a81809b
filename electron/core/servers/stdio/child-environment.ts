import type { Secrets } from '../../secrets/secrets.ts';
import { ServerFailure } from '../failure.ts';
import { envSecret } from '../server-registry.ts';

/** What a child inherits besides its own variables: what any program needs to find its way, nothing of ours (S7). */
const inherited = {
  posix: ['HOME', 'LOGNAME', 'PATH', 'SHELL', 'TERM', 'USER'],
  windows: [
    'APPDATA',
    'COMSPEC',
    'HOMEDRIVE',
    'HOMEPATH',
    'LOCALAPPDATA',
    'PATH',
    'PATHEXT',
    'PROCESSOR_ARCHITECTURE',
    'PROGRAMFILES',
    'SYSTEMDRIVE',
    'SYSTEMROOT',
    'TEMP',
    'TMP',
    'USERNAME',
    'USERPROFILE',
  ],
} as const;

/** Environment variables by name, as `process.env` has them. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** A child's environment, and which of its values are secret. */
export interface ChildEnvironment {
  readonly variables: Readonly<Record<string, string>>;
  /** The person's own variables: their values are masked wherever the server's words are shown. */
  readonly secret: ReadonlyMap<string, string>;
}

/**
 * Builds a child's whole environment: the inherited few, then the person's own from secrets (`server-env:<slug>:<NAME>`).
 * @throws ServerFailure `server_not_ready` naming a variable whose value is not stored; `secrets_locked` passes through
 */
export async function childEnvironment(
  server: { readonly slug: string; readonly name: string; readonly env: readonly string[] },
  secrets: Pick<Secrets, 'get'>,
  from: Environment,
  platform: NodeJS.Platform,
): Promise<ChildEnvironment> {
  const variables: Record<string, string> = {};
  const windows = platform === 'win32';
  for (const name of inherited[windows ? 'windows' : 'posix']) {
    const value = windows ? valueIgnoringCase(from, name) : from[name];
    // A value that starts with "()" is a function that an old bash exported: running it is nobody's wish.
    if (value !== undefined && !value.startsWith('()')) variables[name] = value;
  }
  const secret = new Map<string, string>();
  for (const name of server.env) {
    const value = await secrets.get(envSecret(server.slug, name));
    if (value === undefined) {
      throw new ServerFailure(
        'server_not_ready',
        'crashed',
        `${server.name} needs the environment variable ${name}, and no value is stored for it.`,
        { hint: 'Remove the server and add it again with that variable.' },
      );
    }
    variables[name] = value;
    secret.set(name, value);
  }
  return { variables, secret };
}

function valueIgnoringCase(from: Environment, name: string): string | undefined {
  const key = Object.keys(from).find((candidate) => candidate.toUpperCase() === name);
  return key === undefined ? undefined : from[key];
}
