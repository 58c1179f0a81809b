import { join } from 'node:path';
import type { Environment } from '../stdio/child-environment.ts';

/** How a file writes its servers down. */
export type ConfigFormat =
  | 'mcp-servers'
  | 'claude-code-user'
  | 'vscode'
  | 'vscode-settings'
  | 'codex'
  | 'gemini'
  | 'zed';

/** How a program fills variables into what a file says; `none`: it takes everything literally. */
export type VariableStyle = 'none' | 'claude-code' | 'editor' | 'gemini';

/** A file that may name servers. */
export interface ConfigLocation {
  /** Whose file it is, as people call it. */
  readonly source: string;
  readonly file: string;
  readonly format: ConfigFormat;
  readonly variables: VariableStyle;
  /** The folder that it belongs to, for files inside projects: where its servers run. */
  readonly project?: string;
}

/** What decides where files are. */
export interface Machine {
  readonly platform: NodeJS.Platform;
  readonly home: string;
  readonly environment: Environment;
}

/** Folders where programs keep the settings of a person: `~/.config`, `~/Library/Application Support`, `%APPDATA%`. */
export function configFolder({ platform, home, environment }: Machine): string {
  if (platform === 'darwin') return join(home, 'Library', 'Application Support');
  if (platform === 'win32') return environment.APPDATA || join(home, 'AppData', 'Roaming');
  return environment.XDG_CONFIG_HOME || join(home, '.config');
}

/** Folders of Claude Desktop: one, and on Windows also the one of its store package. */
export function claudeFolders(machine: Machine): string[] {
  const usual = join(configFolder(machine), 'Claude');
  if (machine.platform !== 'win32') return [usual];
  const local = machine.environment.LOCALAPPDATA || join(machine.home, 'AppData', 'Local');
  return [usual, join(local, 'Packages', 'Claude_pzs8sxrjxfjjc', 'LocalCache', 'Roaming', 'Claude')];
}

/** The files of this person, in the order in which they are shown. */
export function userLocations(machine: Machine): ConfigLocation[] {
  const { platform, home, environment } = machine;
  const config = configFolder(machine);
  const codex = environment.CODEX_HOME || join(home, '.codex');
  const claude = environment.CLAUDE_CONFIG_DIR ? join(environment.CLAUDE_CONFIG_DIR, '.claude.json') : undefined;
  const zed = platform === 'darwin' ? join(home, '.config', 'zed') : join(config, platform === 'win32' ? 'Zed' : 'zed');
  const plain = { format: 'mcp-servers', variables: 'none' } as const;
  return [
    ...claudeFolders(machine).map((folder) => ({
      ...plain,
      source: 'Claude Desktop',
      file: join(folder, 'claude_desktop_config.json'),
    })),
    {
      source: 'Claude Code',
      file: claude ?? join(home, '.claude.json'),
      format: 'claude-code-user',
      variables: 'claude-code',
    },
    { ...plain, source: 'Cursor', file: join(home, '.cursor', 'mcp.json'), variables: 'editor' },
    ...['Code', 'Code - Insiders', 'VSCodium'].flatMap((folder): ConfigLocation[] => {
      const source = folder === 'Code' ? 'VS Code' : folder === 'VSCodium' ? folder : 'VS Code Insiders';
      const user = join(config, folder, 'User');
      return [
        { source, file: join(user, 'mcp.json'), format: 'vscode', variables: 'editor' },
        { source, file: join(user, 'settings.json'), format: 'vscode-settings', variables: 'editor' },
      ];
    }),
    { ...plain, source: 'Windsurf', file: join(home, '.codeium', 'windsurf', 'mcp_config.json'), variables: 'editor' },
    { source: 'Codex', file: join(codex, 'config.toml'), format: 'codex', variables: 'none' },
    { source: 'Gemini CLI', file: join(home, '.gemini', 'settings.json'), format: 'gemini', variables: 'gemini' },
    { source: 'Zed', file: join(zed, 'settings.json'), format: 'zed', variables: 'none' },
    { ...plain, source: 'LM Studio', file: join(home, '.lmstudio', 'mcp.json') },
  ];
}

/** The files that programs look for inside a project. */
export function projectLocations(project: string): ConfigLocation[] {
  const inside = (source: string, ...path: string[]) => ({
    source: `${source} (project)`,
    file: join(project, ...path),
    project,
  });
  return [
    { ...inside('Claude Code', '.mcp.json'), format: 'mcp-servers', variables: 'claude-code' },
    { ...inside('Cursor', '.cursor', 'mcp.json'), format: 'mcp-servers', variables: 'editor' },
    { ...inside('VS Code', '.vscode', 'mcp.json'), format: 'vscode', variables: 'editor' },
    { ...inside('Gemini CLI', '.gemini', 'settings.json'), format: 'gemini', variables: 'gemini' },
    { ...inside('Codex', '.codex', 'config.toml'), format: 'codex', variables: 'none' },
    { ...inside('Zed', '.zed', 'settings.json'), format: 'zed', variables: 'none' },
  ];
}
