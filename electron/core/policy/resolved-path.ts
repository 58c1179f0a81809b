import { lstatSync, readlinkSync, realpathSync } from 'node:fs';
import { basename, dirname, isAbsolute, join, parse, resolve, sep } from 'node:path';
import { glob } from './glob.ts';

const mostLinks = 40;

/** Links read so far while one call is judged, so that a thousand paths in one folder read its parents once. */
export interface SeenLinks {
  /** Target of each path that was looked at; undefined for what is no link. */
  readonly links: Map<string, string | undefined>;
  /** Where each path without `..` leads. */
  readonly places: Map<string, string>;
  /** Paths that do not exist: nothing below them can be a link. */
  readonly missing: Set<string>;
}

/** Nothing read yet. */
export function noLinksSeen(): SeenLinks {
  return { links: new Map(), places: new Map(), missing: new Set() };
}

/**
 * The places that an absolute path may lead to. Programs differ: some take `..` out of the text first, the kernel goes
 * through links first; both readings count, each with every link resolved. What does not exist stays as written, since it may
 * be made; a link whose target does not exist is followed, since writing through it would make the target.
 */
export function resolvedPaths(path: string, platform: NodeJS.Platform, seen: SeenLinks): readonly string[] {
  const lexical = resolve(path);
  const found = new Set([lexical, realPlace(lexical, seen, 0)]);
  // Without `..` both readings are the same.
  if (path.includes('..')) found.add(walked(path, seen, 0));
  // Short names of Windows (`SALLYP~1`) are expanded only by the system itself.
  if (platform === 'win32') for (const one of [...found]) found.add(systemPath(one));
  return [...found];
}

/** As {@link resolvedPaths} without the path as written: only where it leads, in either reading of `..`. */
export function realPlaces(path: string, platform: NodeJS.Platform, seen: SeenLinks): readonly string[] {
  const found = new Set([realPlace(resolve(path), seen, 0)]);
  if (path.includes('..')) found.add(walked(path, seen, 0));
  if (platform === 'win32') for (const one of [...found]) found.add(systemPath(one));
  return [...found];
}

/** Where a path without `.` and `..` leads, folder by folder; each folder is worked out once. */
function realPlace(path: string, seen: SeenLinks, depth: number): string {
  const known = seen.places.get(path);
  if (known !== undefined) return known;
  const folder = dirname(path);
  if (folder === path) return path;
  const parent = realPlace(folder, seen, depth);
  const next = parent.endsWith(sep) ? parent + basename(path) : parent + sep + basename(path);
  const target = depth < mostLinks ? linkTarget(next, seen) : undefined;
  const place =
    target === undefined ? next : walked(isAbsolute(target) ? target : parent + sep + target, seen, depth + 1);
  seen.places.set(path, place);
  return place;
}

/** Follows a path segment by segment, as the kernel does. */
function walked(path: string, seen: SeenLinks, depth: number): string {
  let current = parse(path).root || sep;
  for (const segment of path.slice(current.length).split(/[\\/]+/)) {
    if (segment === '' || segment === '.') continue;
    if (segment === '..') {
      current = dirname(current);
      continue;
    }
    const next = current.endsWith(sep) ? current + segment : current + sep + segment;
    const target = depth < mostLinks ? linkTarget(next, seen) : undefined;
    current =
      target === undefined ? next : walked(isAbsolute(target) ? target : current + sep + target, seen, depth + 1);
  }
  return current;
}

function linkTarget(path: string, seen: SeenLinks): string | undefined {
  if (seen.links.has(path)) return seen.links.get(path);
  if (seen.missing.has(dirname(path))) {
    seen.missing.add(path);
    return undefined;
  }
  let target: string | undefined;
  try {
    const entry = lstatSync(path, { throwIfNoEntry: false });
    if (entry === undefined) seen.missing.add(path);
    target = entry?.isSymbolicLink() ? readlinkSync(path) : undefined;
  } catch {
    target = undefined;
  }
  seen.links.set(path, target);
  return target;
}

function systemPath(path: string): string {
  const parent = dirname(path);
  try {
    return realpathSync.native(path);
  } catch {
    return parent === path ? path : join(systemPath(parent), path.slice(parent.length));
  }
}

/** How names compare on this machine: macOS and Windows take `Settings.JSON` for `settings.json`. */
export function comparable(path: string, platform: NodeJS.Platform): string {
  const composed = path.normalize('NFC');
  return platform === 'darwin' || platform === 'win32' ? composed.toLowerCase() : composed;
}

/** Whether `path` is `folder` or lies under it; both absolute and comparable. */
export function isUnder(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith(sep) ? folder : folder + sep);
}

/** Whether a path holds shell wildcards. */
export function hasWildcard(path: string): boolean {
  return /[*?[]/.test(path);
}

/** Whether a path with shell wildcards (`*`, `?`, `[…]`) can name `folder` or something under it. */
export function canMatch(pattern: string, folder: string): boolean {
  if (!isAbsolute(pattern)) return false;
  const patterns = pattern.split(/[\\/]+/).filter((part) => part !== '');
  const parts = folder.split(/[\\/]+/).filter((part) => part !== '');
  return patterns.length >= parts.length && parts.every((part, at) => segmentMatches(patterns[at] ?? '', part));
}

/** Whether one path segment fits; a bracket counts as any one character, as the stricter reading. */
function segmentMatches(pattern: string, text: string): boolean {
  return glob(pattern.replaceAll(/\[[^\]]*\]/g, '?'))(text);
}
