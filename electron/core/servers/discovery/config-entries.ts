import { parse as parseToml } from 'smol-toml';
import * as z from 'zod';
import type { ConfigFormat } from './config-locations.ts';
import { parseRelaxedJson } from './relaxed-json.ts';

const scalar = z.union([z.string(), z.number(), z.boolean()]).transform(String);
const environment = z.record(z.string(), scalar);
const texts = z.array(scalar);

/** One server as any of the known programs writes it; members that none of them uses for starting it are left out. */
const entrySchema = z.looseObject({
  type: z.string().optional(),
  command: z
    .union([z.string(), z.looseObject({ path: z.string(), args: texts.optional(), env: environment.optional() })])
    .optional(),
  args: texts.optional(),
  env: environment.nullish(),
  env_vars: z.array(z.string()).optional(),
  envFile: z.string().optional(),
  cwd: z.string().nullish(),
  url: z.string().optional(),
  serverUrl: z.string().optional(),
  httpUrl: z.string().optional(),
  headers: environment.nullish(),
  http_headers: environment.optional(),
  env_http_headers: environment.optional(),
  bearer_token_env_var: z.string().optional(),
});

/** A server as a file names it, before variables are filled in. */
export interface ConfigEntry {
  readonly name: string;
  readonly command?: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Variables that it takes over from the environment of the program that starts it. */
  readonly inherited: readonly string[];
  readonly cwd?: string;
  readonly url?: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Headers whose values are in environment variables: header name → variable. */
  readonly inheritedHeaders: Readonly<Record<string, string>>;
  /** Variable that holds a bearer token. */
  readonly bearer?: string;
  /** The folder that it belongs to, where the file says so. */
  readonly project?: string;
  /** Why it cannot be taken over as it is, in words. */
  readonly problem?: string;
}

/** What a file holds: servers, and folders in which other files may be. */
export interface ConfigContent {
  readonly entries: readonly ConfigEntry[];
  readonly projects: readonly string[];
}

const loose = z.looseObject({});
const manyServers = z.record(z.string(), z.unknown());

/** Reads the text of a file. @throws Error where it is not what its format says, with words for people */
export function readConfig(text: string, format: ConfigFormat): ConfigContent {
  const document = loose.safeParse(format === 'codex' ? parseToml(text) : parseRelaxedJson(text));
  if (!document.success) throw new Error('it holds no object');
  const { data } = document;
  switch (format) {
    case 'mcp-servers':
      return { entries: entriesOf(data.mcpServers, {}), projects: [] };
    case 'gemini':
      // Here `url` means the old transport and `httpUrl` the present one.
      return { entries: entriesOf(data.mcpServers, { urlIsSse: true }), projects: [] };
    case 'vscode':
      return { entries: entriesOf(data.servers, {}), projects: [] };
    case 'vscode-settings':
      return { entries: entriesOf(loose.safeParse(data.mcp).data?.servers, {}), projects: [] };
    case 'zed':
      return { entries: entriesOf(data.context_servers, { extensions: true }), projects: [] };
    case 'codex':
      return { entries: entriesOf(data.mcp_servers, {}), projects: folders(data.projects) };
    case 'claude-code-user': {
      const projects = folders(data.projects);
      const perProject = projects.flatMap((project) => {
        const own = loose.safeParse(manyServers.parse(data.projects)[project]);
        return own.success ? entriesOf(own.data.mcpServers, { project }) : [];
      });
      return { entries: [...entriesOf(data.mcpServers, {}), ...perProject], projects };
    }
  }
}

interface EntryContext {
  readonly project?: string;
  readonly urlIsSse?: boolean;
  /** Entries without command and URL belong to an extension, which starts them in its own way. */
  readonly extensions?: boolean;
}

function folders(value: unknown): string[] {
  const record = manyServers.safeParse(value);
  return record.success ? Object.keys(record.data) : [];
}

function entriesOf(value: unknown, context: EntryContext): ConfigEntry[] {
  const record = manyServers.safeParse(value);
  return record.success ? Object.entries(record.data).flatMap(([name, entry]) => entryOf(name, entry, context)) : [];
}

function entryOf(name: string, value: unknown, context: EntryContext): ConfigEntry[] {
  const parsed = entrySchema.safeParse(value);
  const project = context.project === undefined ? {} : { project: context.project };
  const empty = { args: [], env: {}, inherited: [], headers: {}, inheritedHeaders: {}, ...project };
  if (!parsed.success) {
    const where = parsed.error.issues[0]?.path.join('.') || 'it';
    return [{ name, ...empty, problem: `its entry cannot be read: ${where} is not what it should be` }];
  }
  const { data } = parsed;
  const structured = typeof data.command === 'object' ? data.command : undefined;
  const command = structured?.path ?? (typeof data.command === 'string' ? data.command : undefined);
  const url = command === undefined ? (data.httpUrl ?? data.serverUrl ?? data.url) : undefined;
  if (command === undefined && url === undefined) {
    if (context.extensions) return [];
    return [{ name, ...empty, problem: 'its entry names neither a command nor a URL' }];
  }
  const sse = url !== undefined && (data.type === 'sse' || (context.urlIsSse === true && data.httpUrl === undefined));
  const problem = sse
    ? 'it speaks the old HTTP+SSE transport, which Sallyport does not use'
    : data.envFile === undefined
      ? undefined
      : `it reads variables from ${data.envFile}: add it by hand with --env-file`;
  return [
    {
      name,
      ...(command === undefined ? {} : { command }),
      ...(url === undefined ? {} : { url }),
      args: command === undefined ? [] : (structured?.args ?? data.args ?? []),
      env: command === undefined ? {} : (structured?.env ?? data.env ?? {}),
      inherited: command === undefined ? [] : (data.env_vars ?? []),
      headers: url === undefined ? {} : { ...data.headers, ...data.http_headers },
      inheritedHeaders: url === undefined ? {} : (data.env_http_headers ?? {}),
      ...(url === undefined || data.bearer_token_env_var === undefined ? {} : { bearer: data.bearer_token_env_var }),
      ...(data.cwd ? { cwd: data.cwd } : {}),
      ...project,
      ...(problem === undefined ? {} : { problem }),
    },
  ];
}
