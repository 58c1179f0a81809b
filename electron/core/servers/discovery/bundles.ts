import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import * as z from 'zod';
import { readArchived } from './bundle-archive.ts';
import { claudeFolders, type Machine } from './config-locations.ts';
import { readSmallFile } from './read-file.ts';
import { bundleResolver, type Resolver } from './variables.ts';

const maxManifest = 1024 * 1024;
const maxBundles = 200;

const commandSchema = z.looseObject({
  command: z.string().min(1),
  args: z.array(z.string()).optional(),
  env: z.record(z.string(), z.string()).optional(),
});
/** Manifest of an MCP bundle (`.mcpb`, formerly `.dxt`): what starts its server, and the settings that it asks for. */
const manifestSchema = z.looseObject({
  name: z.string().min(1),
  display_name: z.string().optional(),
  server: z.looseObject({
    mcp_config: commandSchema.extend({ platform_overrides: z.record(z.string(), commandSchema.partial()).optional() }),
  }),
  user_config: z.record(z.string(), z.looseObject({ default: z.unknown().optional() })).optional(),
});
const settingsSchema = z.looseObject({ userConfig: z.record(z.string(), z.unknown()).optional() });

/** A server in a bundle, before variables are filled in. */
export interface BundleEntry {
  readonly name: string;
  readonly source: string;
  /** The manifest, or the archive that holds it. */
  readonly file: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly resolve: Resolver;
  /** Settings with several values: an argument that is one of them becomes as many arguments. */
  readonly lists: ReadonlyMap<string, readonly string[]>;
  readonly problem?: string;
}

/** What was found of bundles, and what could not be read. */
export interface Bundles {
  readonly entries: readonly BundleEntry[];
  readonly unreadable: readonly { readonly source: string; readonly file: string; readonly why: string }[];
}

/**
 * Finds MCP bundles: those that Claude Desktop has unpacked, and archives in the folder for downloads. An archive is only
 * looked at: Sallyport does not unpack programs.
 */
export async function findBundles(machine: Machine): Promise<Bundles> {
  const entries: BundleEntry[] = [];
  const unreadable: { source: string; file: string; why: string }[] = [];
  const look = async (source: string, file: string, read: () => Promise<BundleEntry | undefined>): Promise<void> => {
    try {
      const entry = await read();
      if (entry) entries.push(entry);
    } catch (thrown) {
      unreadable.push({ source, file, why: thrown instanceof Error ? thrown.message : String(thrown) });
    }
  };
  for (const folder of claudeFolders(machine)) {
    const source = 'Claude Desktop extension';
    for (const id of await names(join(folder, 'Claude Extensions'))) {
      const place = join(folder, 'Claude Extensions', id);
      const file = join(place, 'manifest.json');
      await look(source, file, async () => {
        const text = await readSmallFile(file, maxManifest);
        if (text === undefined) return undefined;
        const settings = await readSmallFile(join(folder, 'Claude Extensions Settings', `${id}.json`), maxManifest);
        return bundleEntry(machine, { source, file, folder: place, text, settings });
      });
    }
  }
  const downloads = join(machine.home, 'Downloads');
  for (const name of await names(downloads)) {
    if (!/\.(?:mcpb|dxt)$/i.test(name)) continue;
    const file = join(downloads, name);
    await look('MCP bundle', file, async () => {
      const text = (await readArchived(file, 'manifest.json', maxManifest)).toString('utf8');
      const entry = bundleEntry(machine, { source: 'MCP bundle', file, folder: file, text, settings: undefined });
      return { ...entry, problem: `${basename(file)} is not unpacked: install it, or unpack it and add its command` };
    });
  }
  return { entries, unreadable };
}

function bundleEntry(
  machine: Machine,
  bundle: {
    readonly source: string;
    readonly file: string;
    readonly folder: string;
    readonly text: string;
    readonly settings: string | undefined;
  },
): BundleEntry {
  const parsed = manifestSchema.safeParse(JSON.parse(bundle.text));
  if (!parsed.success) throw new Error(`${parsed.error.issues[0]?.path.join('.') || 'it'} is not what it should be`);
  const manifest = parsed.data;
  const { mcp_config: usual } = manifest.server;
  const override = usual.platform_overrides?.[machine.platform];
  const settings = bundle.settings === undefined ? undefined : settingsSchema.safeParse(JSON.parse(bundle.settings));
  const chosen = settings?.success ? (settings.data.userConfig ?? {}) : {};
  const settingOf = (key: string): unknown => {
    const own = Object.hasOwn(chosen, key) ? chosen[key] : undefined;
    const asked = Object.hasOwn(manifest.user_config ?? {}, key) ? manifest.user_config?.[key] : undefined;
    return own ?? asked?.default;
  };
  const lists = new Map<string, readonly string[]>();
  for (const key of Object.keys(manifest.user_config ?? {})) {
    const values = z.array(z.string()).safeParse(settingOf(key));
    if (values.success) lists.set(`\${user_config.${key}}`, values.data);
  }
  const configured = (key: string): string | undefined => {
    const value = settingOf(key);
    // What Claude Desktop encrypted, only Claude Desktop can read.
    if (typeof value === 'string') return value.startsWith('__encrypted__') ? undefined : value;
    return typeof value === 'number' || typeof value === 'boolean' ? String(value) : undefined;
  };
  return {
    name: manifest.display_name ?? manifest.name,
    source: bundle.source,
    file: bundle.file,
    command: override?.command ?? usual.command,
    args: override?.args ?? usual.args ?? [],
    env: { ...usual.env, ...override?.env },
    resolve: bundleResolver(bundle.folder, machine.home, configured),
    lists,
  };
}

async function names(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).sort().slice(0, maxBundles);
  } catch {
    return [];
  }
}
