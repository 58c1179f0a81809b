import { homedir } from 'node:os';
import { basename, join, sep } from 'node:path';
import type { Environment } from '../stdio/child-environment.ts';
import type { VariableStyle } from './config-locations.ts';

/** What a variable stands for: its value, or why it has none here. */
export type Lookup = { readonly value: string } | { readonly missing: string };

/** Finds what one `${…}` stands for; `undefined` = it is no variable, and stays as it is. */
export type Resolver = (expression: string) => Lookup | undefined;

/** A text with its variables filled in. `missing` names those that have no value here. */
export interface Expanded {
  readonly text: string;
  readonly missing: readonly string[];
}

/** Where variables get their values. */
export interface VariableSources {
  readonly home: string;
  readonly environment: Environment;
  readonly project?: string | undefined;
}

/** Fills in `${…}`, and `$NAME` where the style has it. */
export function expand(text: string, style: VariableStyle, resolve: Resolver): Expanded {
  const missing: string[] = [];
  const fill = (whole: string, expression: string): string => {
    const found = resolve(expression);
    if (!found) return whole;
    if ('value' in found) return found.value;
    missing.push(found.missing);
    return whole;
  };
  const braces = text.replace(/\$\{([^${}]{1,200})\}/g, fill);
  const all = style === 'gemini' ? braces.replace(/\$([A-Za-z_][A-Za-z0-9_]*)/g, fill) : braces;
  return { text: all, missing };
}

/** What the variables of a style stand for, as the program that owns the file would fill them in. */
export function resolverOf(style: VariableStyle, sources: VariableSources): Resolver {
  const fromEnvironment = (name: string): Lookup => {
    const value = sources.environment[name];
    return value === undefined ? { missing: `the variable ${name}` } : { value };
  };
  switch (style) {
    case 'none':
      return () => undefined;
    case 'gemini':
      return fromEnvironment;
    case 'claude-code':
      return (expression) => {
        const [name = '', fallback] = splitOnce(expression, ':-');
        const value = sources.environment[name];
        if (value !== undefined && (value !== '' || fallback === undefined)) return { value };
        return fallback === undefined ? { missing: `the variable ${name}` } : { value: fallback };
      };
    case 'editor':
      return (expression) => {
        const { project, home } = sources;
        const [kind = '', name] = splitOnce(expression, ':');
        if (kind === 'env' && name !== undefined) return fromEnvironment(name);
        if (kind === 'input') return { missing: `what it asks for as "${name ?? ''}"` };
        if (expression === 'userHome') return { value: home };
        if (expression === 'pathSeparator' || expression === '/') return { value: sep };
        if (kind === 'workspaceFolder')
          return project === undefined ? { missing: 'a project folder' } : { value: project };
        if (expression === 'workspaceFolderBasename') {
          return project === undefined ? { missing: 'a project folder' } : { value: basename(project) };
        }
        return { missing: `\${${expression}}` };
      };
  }
}

/**
 * What the variables of an MCP bundle's manifest stand for (MCPB manifest, variable substitution).
 * @param configured the person's own settings of the bundle, by key
 */
export function bundleResolver(
  folder: string,
  home: string,
  configured: (key: string) => string | undefined,
): Resolver {
  const places: Readonly<Record<string, string>> = {
    __dirname: folder,
    HOME: home,
    DESKTOP: join(home, 'Desktop'),
    DOCUMENTS: join(home, 'Documents'),
    DOWNLOADS: join(home, 'Downloads'),
    pathSeparator: sep,
    '/': sep,
  };
  return (expression) => {
    const key = /^user_config\.(.+)$/.exec(expression)?.[1];
    if (key !== undefined) {
      const value = configured(key);
      return value === undefined ? { missing: `its setting "${key}"` } : { value };
    }
    const value = Object.hasOwn(places, expression) ? places[expression] : undefined;
    return value === undefined ? undefined : { value };
  };
}

/** `~` at the beginning of a path, as programs that start servers by a shell take it. */
export function expandHome(path: string, home = homedir()): string {
  return path === '~' || path.startsWith('~/') ? join(home, path.slice(1)) : path;
}

function splitOnce(text: string, at: string): [string, string?] {
  const index = text.indexOf(at);
  return index < 0 ? [text] : [text.slice(0, index), text.slice(index + at.length)];
}
