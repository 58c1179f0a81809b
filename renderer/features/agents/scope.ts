import type { ToolView } from '../../../electron/shared/views.ts';
import { texts } from '../../texts.ts';

/** A grant's scope in words: everything exposed, what reads, or `tool:<name>` for each tool that it is limited to. */
export function scopeWords(scope: string): string {
  const { everything, reads, names } = partsOf(scope);
  if (everything) return texts.agents.everyTool;
  return texts.agents.onlyTools([...(reads ? [texts.agents.reads] : []), ...names].join(', '));
}

/** Whether a scope opens a tool. */
export function opens(scope: string, tool: Pick<ToolView, 'name' | 'class'>): boolean {
  const { everything, reads, names } = partsOf(scope);
  return everything || (reads && tool.class === 'read') || names.includes(tool.name);
}

function partsOf(scope: string): { everything: boolean; reads: boolean; names: string[] } {
  const parts = scope.split(' ');
  return {
    everything: parts.includes('all-shared'),
    reads: parts.includes('read'),
    names: parts.filter((part) => part.startsWith('tool:')).map((part) => decoded(part.slice('tool:'.length))),
  };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
