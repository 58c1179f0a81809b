import type { ToolClass } from '../../shared/call.ts';

/** Everything that the server exposes, now and later. */
export const allShared = 'all-shared';
/** Every tool of class read that the server exposes. */
export const readScope = 'read';

/** A tool as far as scopes go. */
export interface ScopedTool {
  readonly name: string;
  readonly class: ToolClass;
}

/** The scope of one tool: `tool:<name>`, unusual characters percent-encoded (RFC 6749 §3.3). */
export function toolScope(tool: string): string {
  return `tool:${encodeURIComponent(tool)}`;
}

/** The parts of a scope string that are authority over a server; `offline_access` and what is unknown are left out. */
export function authorityOf(scope: string): string[] {
  const parts = new Set(scope.split(' ').filter((part) => isAuthority(part)));
  return parts.has(allShared) ? [allShared] : [...parts];
}

/** Names of the tools that a scope string opens; `undefined` = all that the server exposes. */
export function toolsOf(scope: string, tools: readonly ScopedTool[]): string[] | undefined {
  const parts = authorityOf(scope);
  if (parts.includes(allShared)) return undefined;
  const named = parts.flatMap((part) => toolName(part) ?? []);
  const reads = parts.includes(readScope) ? tools.filter((tool) => tool.class === 'read').map((tool) => tool.name) : [];
  return [...new Set([...reads, ...named])];
}

/**
 * What of a request a person's choice leaves: never more than was asked.
 * @param choice `all` = as asked, `reads`, or names of tools
 */
export function narrowed(
  scope: string,
  choice: 'all' | 'reads' | readonly string[],
  tools: readonly ScopedTool[],
): string {
  const asked = authorityOf(scope);
  if (choice === 'all') return asked.join(' ');
  if (choice === 'reads') {
    if (asked.includes(allShared) || asked.includes(readScope)) return readScope;
    const reads = new Set(tools.filter((tool) => tool.class === 'read').map((tool) => toolScope(tool.name)));
    return asked.filter((part) => reads.has(part)).join(' ');
  }
  const open = toolsOf(scope, tools);
  return choice
    .filter((name) => tools.some((tool) => tool.name === name) && (open === undefined || open.includes(name)))
    .map(toolScope)
    .join(' ');
}

function isAuthority(part: string): boolean {
  return part === allShared || part === readScope || toolName(part) !== undefined;
}

function toolName(part: string): string | undefined {
  if (!part.startsWith('tool:') || part.length > 800) return undefined;
  try {
    return decodeURIComponent(part.slice('tool:'.length)) || undefined;
  } catch {
    return undefined;
  }
}
