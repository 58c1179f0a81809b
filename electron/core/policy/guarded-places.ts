import { basename, isAbsolute, join, resolve } from 'node:path';
import type { Call } from '../../shared/call.ts';
import { argumentStrings, pathReadings } from './argument-strings.ts';
import {
  canMatch,
  comparable,
  hasWildcard,
  isUnder,
  noLinksSeen,
  resolvedPaths,
  type SeenLinks,
} from './resolved-path.ts';

/** What the arguments of a call lead to. */
export interface Reached {
  /**
   * Our own data folder, socket or configuration: for certain, perhaps (a piece of a text, an unknown folder), or only a
   * folder above it, which matters to what moves or removes folders.
   */
  readonly own: 'yes' | 'perhaps' | 'above' | 'no';
  /** A well-known place for credentials, as shown to people (`~/.ssh`); undefined if none. */
  readonly credentials: string | undefined;
  /** Whether everything could be judged. */
  readonly complete: boolean;
}

/** Options of {@link createGuardedPlaces}. */
export interface GuardedPlacesOptions {
  /** The folder that holds our settings, pins, secrets and log. */
  readonly dataFolder: string;
  /** Other files and folders of ours: the control socket where it lies elsewhere, a rules file, Electron's folder. */
  readonly ownPaths: readonly string[];
  readonly home: string;
  readonly platform: NodeJS.Platform;
  /** Folders against which a server resolves relative paths: its working directory and the folders of its command. */
  readonly foldersOf: (server: string) => readonly string[];
}

/** Places under the home folder that hold credentials, `/` between segments. */
export const credentialFolders = [
  '.ssh',
  '.aws',
  '.gnupg',
  '.azure',
  '.kube',
  '.docker/config.json',
  '.config/gcloud',
  '.config/gh',
  '.config/op',
  '.netrc',
  '.npmrc',
  '.pypirc',
  '.pgpass',
  '.my.cnf',
  '.git-credentials',
  '.password-store',
  '.claude/.credentials.json',
  '.codex/auth.json',
  '.local/share/keyrings',
  '.mozilla',
  '.thunderbird',
  '.config/google-chrome',
  '.config/chromium',
  '.config/BraveSoftware',
  '.config/microsoft-edge',
  '.config/vivaldi',
  '.config/opera',
  'snap/firefox',
  'snap/chromium',
  'Library/Keychains',
  'Library/Cookies',
  'Library/Application Support/Google/Chrome',
  'Library/Application Support/Chromium',
  'Library/Application Support/BraveSoftware',
  'Library/Application Support/Microsoft Edge',
  'Library/Application Support/Firefox',
  'Library/Safari',
  'AppData/Local/Google/Chrome',
  'AppData/Local/BraveSoftware',
  'AppData/Local/Microsoft/Edge',
  'AppData/Roaming/Mozilla',
  'AppData/Local/Microsoft/Credentials',
  'AppData/Roaming/Microsoft/Credentials',
  'AppData/Roaming/gcloud',
] as const;

/** The same outside the home folder. */
const systemCredentials = ['/etc/shadow', '/etc/gshadow', '/etc/ssl/private'] as const;

/** No file system takes longer names, in characters; what is longer is text. */
const longestName = 255;

/** Folders and files of {@link credentialFolders} that hold credentials wherever they lie. */
const credentialAnywhere: ReadonlySet<string> = new Set([
  '.ssh',
  '.aws',
  '.gnupg',
  '.azure',
  '.kube',
  '.netrc',
  '.pgpass',
  '.git-credentials',
  '.password-store',
]);

/** A home folder as the three platforms lay them out, of whatever user. */
const someHome = /(?:^|\/)(?:home\/[^/]+|Users\/[^/]+|root)\/(.+)$/;
/** Where our data folder lies by default, below a home folder, lower case. */
const defaultDataFolders = [
  '.local/share/sallyport',
  'library/application support/sallyport',
  'appdata/roaming/sallyport',
] as const;

/** For how long it is taken as known where our own folders and a server's folders lie, milliseconds. */
const knownForMs = 1_000;

const privateKeyNames =
  /^(?:id_(?:rsa|dsa|ecdsa|ed25519)(?:_sk)?|.+\.(?:pem|p12|pfx|kdbx|jks|keystore|ppk)|.+[_-]rsa)$/i;
const environmentFile = /^\.env(?:\.(?!example$|sample$|template$|dist$)[^/]*)?$/i;

/** Tells whether a call's arguments lead to our own files or to credentials (`security.md` S7). */
export function createGuardedPlaces(options: GuardedPlacesOptions): { reached(call: Call): Reached } {
  const { home, platform } = options;
  const under = (places: readonly string[], guarded: readonly string[]): boolean =>
    places.some((one) => {
      const wild = hasWildcard(one);
      return guarded.some((folder) => isUnder(one, folder) || (wild && canMatch(one, folder)));
    });
  /** Every place that a path may lead to, in the form that compares. */
  const placesOf = (path: string, seen: SeenLinks): readonly string[] => [
    ...new Set(resolvedPaths(path, platform, seen).map((one) => comparable(one, platform))),
  ];
  // Resolved once: this rule only asks, and links there are the person's own.
  const atStart = noLinksSeen();
  const secret = new Map<string, readonly string[]>([
    ...credentialFolders.map((folder) => [`~/${folder}`, placesOf(join(home, ...folder.split('/')), atStart)] as const),
    ...systemCredentials.map((path) => [path, [path]] as const),
  ]);

  const ancestors = ancestorsOf(options.dataFolder);
  const ownName = basename(options.dataFolder).toLowerCase();
  /** Whether a relative path could end in our folder at all, if one knew where it begins. */
  const mayNameOwn = (path: string): boolean => hasWildcard(path) || path.toLowerCase().includes(ownName);

  const secretPaths = new Map([...secret].flatMap(([shown, paths]) => paths.map((path) => [path, shown] as const)));

  const credentialOf = (places: readonly string[]): string | undefined => {
    for (const one of places) {
      if (hasWildcard(one)) {
        for (const [shown, guarded] of secret) if (under([one], guarded)) return shown;
      }
      for (let end = one.indexOf('/', 1); ; end = one.indexOf('/', end + 1)) {
        const shown = secretPaths.get(end < 0 ? one : one.slice(0, end));
        if (shown !== undefined) return shown;
        if (end < 0) break;
      }
      const elsewhere = credentialElsewhere(one);
      if (elsewhere !== undefined) return elsewhere;
      const name = basename(one);
      if (name.length > longestName) continue;
      if (environmentFile.test(name)) return name;
      if (privateKeyNames.test(name)) return 'a private key';
      if (/^\/proc\/[^/]+\/environ$/.test(one)) return 'the environment of a process';
    }
    return undefined;
  };

  let ground: { at: number; own: readonly string[]; seen: SeenLinks } | undefined;
  /** Where our own folders lie; nobody can move them without a call that names them or a folder above. */
  const groundNow = (): { own: readonly string[]; seen: SeenLinks } => {
    const now = performance.now();
    if (ground && now - ground.at < knownForMs) return ground;
    const seen = noLinksSeen();
    const own = [options.dataFolder, ...options.ownPaths].flatMap((path) => placesOf(path, seen));
    ground = { at: now, own, seen: noLinksSeen() };
    return ground;
  };

  return {
    reached(call) {
      const strings = argumentStrings(call.name, call.arguments, call.inputResponses);
      const { own, seen: known } = groundNow();
      const folders = options.foldersOf(call.server);
      const bases = folders.length > 0 ? folders : [home];
      // What the arguments name is resolved afresh for each call, since a link may be made between two; where the
      // server's own folders lie is not.
      const seen = noLinksSeen();
      for (const base of bases) {
        const place = known.places.get(base) ?? resolvedPaths(base, platform, known).at(-1) ?? base;
        known.places.set(base, place);
        seen.places.set(base, place);
      }
      let reach: Reached['own'] = 'no';
      let credentials: string | undefined;
      const judge = (text: string, whole: boolean): void => {
        for (const reading of pathReadings(text, { home })) {
          for (const path of new Set(platform === 'win32' ? [reading] : [reading, reading.replaceAll('\\', '/')])) {
            const absolute = isAbsolute(path);
            const pathLike = absolute || path.includes('/');
            // Not join(): it would take `..` out before links are followed.
            const places = (absolute ? [path] : bases.map((base) => `${base}/${path}`)).flatMap((one) =>
              placesOf(one, seen),
            );
            if (under(places, own)) reach = stronger(reach, whole ? 'yes' : 'perhaps');
            else if (absolute && places.some(isSomeDataFolder)) reach = stronger(reach, 'perhaps');
            else if (
              !absolute &&
              pathLike &&
              mayNameOwn(path) &&
              ancestors.some((folder) => under([comparable(join(folder, path), platform)], own))
            ) {
              reach = stronger(reach, 'perhaps');
            } else if (whole && absolute && places.some((place) => own.some((folder) => isUnder(folder, place)))) {
              reach = stronger(reach, 'above');
            }
            if (whole || pathLike) credentials ??= credentialOf(places);
          }
        }
      };
      for (const text of strings.whole) judge(text, true);
      for (const text of strings.embedded) judge(text, false);
      return { own: reach, credentials, complete: strings.complete };
    },
  };
}

/** A place for credentials of another user or machine, by its name alone. */
function credentialElsewhere(path: string): string | undefined {
  if (!path.includes('/.') && !path.includes('/AppData/') && !path.includes('/Library/') && !path.includes('/snap/')) {
    return undefined;
  }
  for (const segment of path.split('/')) if (credentialAnywhere.has(segment)) return `~/${segment}`;
  const rest = someHome.exec(path)?.[1];
  const found = rest && credentialFolders.find((folder) => rest === folder || rest.startsWith(`${folder}/`));
  return found ? `~/${found}` : undefined;
}

/** Our data folder of another user, or the default one where another is in use. */
function isSomeDataFolder(path: string): boolean {
  const rest = someHome.exec(path)?.[1]?.toLowerCase();
  return rest !== undefined && defaultDataFolders.some((folder) => rest === folder || rest.startsWith(`${folder}/`));
}

const strength = ['no', 'above', 'perhaps', 'yes'] as const;

function stronger(one: Reached['own'], other: Reached['own']): Reached['own'] {
  return strength.indexOf(other) > strength.indexOf(one) ? other : one;
}

function ancestorsOf(path: string): readonly string[] {
  const found: string[] = [];
  for (let at = resolve(path, '..'); ; at = resolve(at, '..')) {
    found.push(at);
    if (at === resolve(at, '..')) return found;
  }
}
