/** What of a data folder is the installation: moved by a backup, replaced as a whole by a restore. */
export const backedUpFiles = ['settings.json', 'rules.yaml', 'remembered.json'] as const;
/** Folders of small files that go along whole. */
export const backedUpFolders = ['pins', 'offers', 'pki'] as const;
/** SQLite files; each goes along as a consistent copy. */
export const backedUpDatabases = ['log.db', 'oauth.db'] as const;

/** What a restore puts away besides: side files, what is made anew, and the secrets, which come sealed anew. */
const replacedToo = [
  'secrets',
  'log-index.db',
  'openai-commands.db',
  ...[...backedUpDatabases, 'log-index.db', 'openai-commands.db'].flatMap((name) => [`${name}-wal`, `${name}-shm`]),
];

/** Every name at the top of the folder that a restore replaces or takes away. */
export const replacedNames: readonly string[] = [
  ...backedUpFiles,
  ...backedUpFolders,
  ...backedUpDatabases,
  ...replacedToo,
];

/** Names of this run, and of what was put aside. */
const others: readonly RegExp[] = [
  /^instance\.(?:lock|json)$/,
  /^control\.(?:key|sock)$/,
  /^(?:electron|crashes)$/,
  /^open-[a-z-]+\.html$/,
  /^\.restore$/,
  /^replaced-/,
  /^\.[0-9a-f]{12}\.tmp$/,
  /\.(?:corrupt|damaged)-/,
];

/** Whether a name at the top of a data folder is Sallyport's: only these are ever removed. */
export function isOurs(name: string): boolean {
  return replacedNames.includes(name) || others.some((pattern) => pattern.test(name));
}
