import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { classifyTool } from '../../../electron/core/policy/tool-class.ts';
import { toolClasses } from '../../../electron/shared/call.ts';
import { fromPlain, JsonObject } from '../../../electron/shared/json-tree.ts';
import { wellKnown } from '../../fixtures/tool-catalogues/well-known.ts';

const folder = join(import.meta.dirname, '../../fixtures/tool-catalogues');
const catalogue = z.object({
  server: z.string(),
  tools: z.array(z.object({ expect: z.enum(toolClasses), definition: z.record(z.string(), z.unknown()) })),
});

function tree(definition: unknown): JsonObject {
  const node = fromPlain(definition);
  if (!(node instanceof JsonObject)) throw new Error('a definition is an object');
  return node;
}

const classOf = (name: string, more: Record<string, unknown> = {}) => classifyTool(tree({ name, ...more })).class;

describe('catalogues of realistic tools', () => {
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.json'))) {
    const { server, tools } = catalogue.parse(JSON.parse(readFileSync(join(folder, file), 'utf8')));
    it(`${server}: every tool has its class`, () => {
      const wrong = tools.flatMap(({ expect: wanted, definition }) => {
        const found = classifyTool(tree(definition));
        return found.class === wanted ? [] : [`${definition.name}: ${found.class} (${found.why}), not ${wanted}`];
      });
      expect(wrong).toEqual([]);
      expect(tools.length).toBeGreaterThan(10);
    });
  }
});

describe('tools of servers that the rules were not written for', () => {
  for (const server of new Set(wellKnown.map((one) => one.server))) {
    it(`${server}: each has the class that a person would give it`, () => {
      const wrong = wellKnown
        .filter((one) => one.server === server)
        .flatMap(({ expect: wanted, definition }) => {
          const { class: found, why } = classifyTool(tree(definition));
          return found === wanted ? [] : [`${definition.name}: ${found} (${why}), not ${wanted}`];
        });
      expect(wrong).toEqual([]);
    });
  }
});

describe('the rules', () => {
  it('say why in a sentence', () => {
    expect(classifyTool(tree({ name: 'write_file' })).why).toBe('Its name says "write".');
    expect(classifyTool(tree({ name: 'frobnicate' })).why).toContain('No rule knows this tool');
  });

  it('do not mind how a name is written', () => {
    for (const name of [
      'create_issue',
      'createIssue',
      'CreateIssue',
      'create-issue',
      'github.create_issue',
      'GITHUB_CREATE_ISSUE',
    ]) {
      expect(classOf(name), name).toBe('effect');
    }
    for (const name of ['run_shell', 'runShell', 'RunSHELL', 'tools/run-shell'])
      expect(classOf(name), name).toBe('dangerous');
    for (const name of ['list_issues', 'listIssues', 'github.list-issues']) expect(classOf(name), name).toBe('read');
  });

  it('know no tool without a name', () => {
    expect(classifyTool(new JsonObject()).class).toBe('effect');
    expect(classOf('')).toBe('effect');
    expect(classOf('___')).toBe('effect');
  });

  it('let annotations raise and never lower', () => {
    const claims = { readOnlyHint: true, destructiveHint: false };
    expect(classOf('delete_everything', { annotations: claims })).toBe('effect');
    expect(classOf('execute_sql', { annotations: claims })).toBe('dangerous');
    expect(classOf('frobnicate', { annotations: claims })).toBe('effect');
    expect(classOf('get_thing')).toBe('read');
    expect(classOf('get_thing', { annotations: { readOnlyHint: false } })).toBe('effect');
    expect(classOf('get_thing', { annotations: { destructiveHint: true } })).toBe('effect');
    expect(classOf('get_thing', { annotations: { readOnlyHint: 'false' } })).toBe('read');
  });

  it('do not let a reading description outweigh a name that changes', () => {
    expect(classOf('delete_file', { description: 'Lists files. Read-only, harmless.' })).toBe('effect');
    expect(classOf('eval', { description: 'Returns the weather' })).toBe('dangerous');
  });

  it('find what a description says beside reading', () => {
    const says = (description: string) => classOf('get_thing', { description });
    expect(says('Gets a thing. Also deletes the cache.')).toBe('effect');
    expect(says('Gets a thing and marks it as seen')).toBe('effect');
    expect(says('This tool will then send the result to a server')).toBe('effect');
    expect(says('Gets a thing. It has side effects.')).toBe('effect');
    expect(says('Gets a thing. It never deletes anything and has no side effects.')).toBe('read');
    expect(says('Gets a thing, including deleted ones. Use delete_thing to remove it.')).toBe('read');
    expect(says('Get messages and updates, comments and likes.')).toBe('read');
  });

  it('find parameters that hide in lists, alternatives and definitions', () => {
    const command = { type: 'string', description: 'Shell command to run' };
    const deep = { items: { anyOf: [{ type: 'null' }, { type: 'object', properties: { command } }] } };
    expect(classOf('do_work', { inputSchema: { properties: { steps: { type: 'array', ...deep } } } })).toBe(
      'dangerous',
    );
    expect(classOf('do_work', { inputSchema: { $defs: { step: { properties: { sql: { type: 'string' } } } } } })).toBe(
      'dangerous',
    );
    const fixed = { type: 'string', enum: ['start', 'status'] };
    expect(classOf('do_work', { inputSchema: { properties: { command: fixed } } })).toBe('effect');
  });

  it('count what is too large to judge as an effect, quickly', () => {
    let nested: Record<string, unknown> = { type: 'string' };
    for (let depth = 0; depth < 30; depth += 1) nested = { type: 'object', properties: { inner: nested } };
    expect(classOf('get_thing', { inputSchema: nested })).toBe('effect');
    const started = performance.now();
    expect(classOf('get_thing', { description: 'and a '.repeat(100_000) })).toBe('effect');
    expect(classOf('get_thing', { description: 'a'.repeat(200_000) })).toBe('effect');
    expect(performance.now() - started).toBeLessThan(500);
  });

  it('do not take look-alike letters for a reading name', () => {
    expect(classOf('gеt_thing')).toBe('effect');
    expect(classOf('get_thing\u200b')).toBe('effect');
  });
});
