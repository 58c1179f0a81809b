import { type JsonNode, JsonObject } from '../../shared/json-tree.ts';

/**
 * Files that shells, editors, agents and build services run or obey by themselves. Each stands at the end of a path, so that
 * a name that only looks alike is none.
 */
const places: readonly RegExp[] = [
  /(?:^|[\\/])\.(?:bashrc|bash_profile|bash_login|bash_logout|bash_aliases|profile|zshrc|zshenv|zprofile|zlogin|kshrc|cshrc|xinitrc|xprofile|xsession|inputrc|vimrc|tmux\.conf|gitconfig)$/,
  /(?:^|[\\/])\.config[\\/](?:autostart|systemd|fish|git)[\\/]/,
  /(?:^|[\\/])(?:LaunchAgents|LaunchDaemons|Start Menu[\\/]Programs[\\/]Startup)[\\/]/i,
  /(?:^|[\\/])etc[\\/](?:cron|profile|sudoers|systemd|init|rc|ld\.so|passwd$|hosts$)/,
  /(?:^|[\\/])var[\\/]spool[\\/]cron[\\/]/,
  /(?:^|[\\/])\.git[\\/](?:hooks[\\/]|config$)/,
  /(?:^|[\\/])\.(?:husky|githooks)[\\/]/,
  /(?:^|[\\/])\.github[\\/]workflows[\\/]/,
  /(?:^|[\\/])\.vscode[\\/](?:tasks|settings|launch|mcp)\.json$/,
  /(?:^|[\\/])\.idea[\\/].{1,80}\.xml$/,
  /(?:^|[\\/])(?:\.?mcp\.json|claude_desktop_config\.json|\.claude\.json)$/,
  /(?:^|[\\/])\.(?:claude|cursor|codex|gemini)[\\/](?:settings|mcp|config|hooks|rules|commands)/,
  /(?:^|[\\/])\.(?:cursorrules|windsurfrules|clinerules|envrc)$/,
  /(?:^|[\\/])authorized_keys2?$/,
];

const longestPath = 1_024;

/** The first argument that is the path of such a file. Contents are not looked at: a text that names one changes nothing. */
export function startupPlace(node: JsonNode | undefined): string | undefined {
  if (typeof node === 'string') {
    const path = node.trim();
    return path.length <= longestPath && !path.includes('\n') && places.some((one) => one.test(path))
      ? path
      : undefined;
  }
  const inner = Array.isArray(node)
    ? (node as readonly JsonNode[])
    : node instanceof JsonObject
      ? [...node.members.values()]
      : [];
  for (const one of inner) {
    const found = startupPlace(one);
    if (found !== undefined) return found;
  }
  return undefined;
}
