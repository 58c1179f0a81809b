import { isAbsolute } from 'node:path';
import type { Call } from '../../shared/call.ts';
import { type JsonNode, JsonObject } from '../../shared/json-tree.ts';
import { toolWords } from '../../shared/tool-words.ts';
import { pathReadings } from './argument-strings.ts';
import { addressParameters } from './class-words.ts';
import { comparable, isUnder, noLinksSeen, realPlaces } from './resolved-path.ts';

/** What a rule's `paths-under` or `hosts` makes of a call: how many of the values that count fit. */
export interface Named {
  /** Values of the arguments that name a place of this kind. */
  readonly values: number;
  /** Those of them that fit the rule. */
  readonly fitting: number;
  /** Whether there were values that nobody can judge. */
  readonly unsure: boolean;
}

/** What {@link createNamedPlaces} needs. */
export interface NamedPlacesOptions {
  readonly home: string;
  readonly platform: NodeJS.Platform;
  /** Folders against which a server resolves relative paths; none = unknown, and relative paths cannot be judged. */
  readonly foldersOf: (server: string) => readonly string[];
}

/** The places and hosts that one call's arguments name; worked out once, when first asked for. */
export interface NamedPlaces {
  pathsUnder(folders: readonly string[]): Named;
  hosts(wanted: readonly string[]): Named;
}

const pathWords: ReadonlySet<string> = new Set(
  'path paths file files filename filepath folder directory dir cwd root source destination dest target location'.split(
    ' ',
  ),
);
const hostWords: ReadonlySet<string> = new Set('host hostname domain server'.split(' '));
const mostValues = 200;

/** Reads places and hosts out of arguments (`security.md` S10: a filter on what was asked). */
export function createNamedPlaces(options: NamedPlacesOptions): (call: Call) => NamedPlaces {
  const { home, platform } = options;
  const folderPlaces = new Map<string, { at: number; place: string }>();
  const placeOf = (folder: string): string => {
    const known = folderPlaces.get(folder);
    if (known && performance.now() - known.at < 1_000) return known.place;
    const full = pathReadings(folder, { home }).find((one) => isAbsolute(one)) ?? folder;
    const place = comparable(realPlaces(full, platform, noLinksSeen())[0] ?? full, platform);
    if (folderPlaces.size > 5_000) folderPlaces.clear();
    folderPlaces.set(folder, { at: performance.now(), place });
    return place;
  };

  return (call) => {
    let leaves: readonly Leaf[] | undefined;
    let paths: { places: readonly (readonly string[])[]; unsure: boolean } | undefined;
    let named: { hosts: readonly string[]; unsure: boolean } | undefined;
    const all = (): readonly Leaf[] => {
      leaves ??= leavesOf(call.arguments);
      return leaves;
    };

    const readPaths = (): { places: readonly (readonly string[])[]; unsure: boolean } => {
      const seen = noLinksSeen();
      const bases = options.foldersOf(call.server);
      let unsure = all().length > mostValues;
      const places: (readonly string[])[] = [];
      for (const { word, text } of all().slice(0, mostValues)) {
        const readings = pathReadings(text, { home });
        const absolute = readings.filter((one) => isAbsolute(one));
        const isPath = pathWords.has(word) || absolute.length > 0 || /(?:^|[\\/])\.\.(?:[\\/]|$)/.test(text);
        if (!isPath || /^[a-z][a-z0-9+.-]+:\/\//i.test(text) !== /^file:/i.test(text)) continue;
        if (absolute.length === 0 && bases.length === 0) unsure = true;
        const read = readings.flatMap((one) => (isAbsolute(one) ? [one] : bases.map((base) => `${base}/${one}`)));
        places.push(read.flatMap((one) => realPlaces(one, platform, seen)).map((one) => comparable(one, platform)));
      }
      return { places, unsure };
    };

    return {
      pathsUnder(folders) {
        paths ??= readPaths();
        const wanted = folders.map(placeOf);
        const fitting = paths.places.filter(
          (readings) => readings.length > 0 && readings.every((one) => wanted.some((folder) => isUnder(one, folder))),
        );
        return { values: paths.places.length, fitting: fitting.length, unsure: paths.unsure };
      },
      hosts(wanted) {
        named ??= hostsOf(all());
        const fitting = named.hosts.filter((one) => wanted.some((want) => hostFits(one, want)));
        return { values: named.hosts.length, fitting: fitting.length, unsure: named.unsure };
      },
    };
  };
}

interface Leaf {
  /** Last word of the member's name. */
  readonly word: string;
  readonly text: string;
}

function leavesOf(node: JsonNode | undefined): readonly Leaf[] {
  const found: Leaf[] = [];
  const walk = (one: JsonNode | undefined, word: string): void => {
    if (found.length > mostValues) return;
    if (typeof one === 'string') found.push({ word, text: one });
    else if (Array.isArray(one)) for (const item of one as readonly JsonNode[]) walk(item, word);
    else if (one instanceof JsonObject) {
      for (const [name, value] of one.members) walk(value, toolWords(name).at(-1) ?? '');
    }
  };
  walk(node, '');
  return found;
}

function hostsOf(leaves: readonly Leaf[]): { hosts: readonly string[]; unsure: boolean } {
  const hosts: string[] = [];
  let unsure = leaves.length > mostValues;
  for (const { word, text } of leaves.slice(0, mostValues)) {
    const trimmed = text.trim();
    const alone = !/\s/.test(trimmed);
    if (/^[a-z][a-z0-9+.-]*:/i.test(trimmed) && URL.canParse(trimmed)) {
      const { hostname } = new URL(trimmed);
      if (hostname !== '') {
        hosts.push(hostname.toLowerCase());
        if (alone) continue;
      }
    }
    if (alone && (addressParameters.has(word) || hostWords.has(word))) {
      const full = `https://${trimmed.replace(/^\/+/, '')}`;
      if (URL.canParse(full)) hosts.push(new URL(full).hostname.toLowerCase());
      else unsure = true;
      continue;
    }
    for (const found of text.slice(0, 65_536).matchAll(/\b[a-z][a-z0-9+.-]{1,20}:\/\/[^\s"'<>)\]]{1,500}/gi)) {
      if (URL.canParse(found[0])) hosts.push(new URL(found[0]).hostname.toLowerCase());
      else unsure = true;
    }
    for (const found of text.slice(0, 65_536).matchAll(/[^\s@<>,;:"']{1,64}@([A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}))/g)) {
      hosts.push((found[1] ?? '').toLowerCase().replace(/\.+$/, ''));
    }
  }
  return { hosts, unsure };
}

function hostFits(host: string, wanted: string): boolean {
  const want = wanted.toLowerCase();
  if (want.startsWith('*.')) return host.endsWith(want.slice(1));
  return host === want || host === `[${want}]`;
}
