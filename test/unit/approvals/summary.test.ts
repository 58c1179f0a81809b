import { describe, expect, it } from 'vitest';
import { summarize } from '../../../electron/core/approvals/summary.ts';
import { fromPlain } from '../../../electron/shared/json-tree.ts';

const of = (name: string, args: unknown, server = 'files') =>
  summarize({ method: 'tools/call', server, name, arguments: fromPlain(args) }, '/home/me').line;

describe('a summary', () => {
  it('says verb and target, then what else, folded', () => {
    expect(of('write_file', { path: '/home/me/notes/plan.md', content: 'x'.repeat(1_204) })).toBe(
      'write a file: ~/notes/plan.md · content 1,204 characters',
    );
    expect(of('move_file', { source: '/a', destination: '/home/me/b' })).toBe('move or rename a file: /a → ~/b');
    expect(of('run_command', { command: 'rm -rf x' })).toBe('run a command: rm -rf x');
    expect(of('github_create_issue', { owner: 'o', repo: 'r', title: 'It breaks' }, 'github')).toBe(
      'create an issue: It breaks in o/r',
    );
    expect(of('send_email', { to: ['a@x.org', 'b@x.org'], subject: 'Hi' })).toBe(
      'send an email: a@x.org, b@x.org · subject Hi',
    );
    expect(of('frobnicate', {})).toBe('frobnicate');
    expect(of('list_items', null)).toBe('list items');
  });

  it('gives verb and target apart', () => {
    const apart = (name: string, args: unknown) =>
      summarize({ method: 'tools/call', server: 'files', name, arguments: fromPlain(args) }, '/home/me');
    expect(apart('write_file', { path: '/home/me/notes/plan.md', content: 'x' })).toMatchObject({
      verb: 'write a file',
      target: '~/notes/plan.md',
    });
    expect(apart('frobnicate', {})).toEqual({ verb: 'frobnicate', line: 'frobnicate' });
  });

  it('counts what it leaves out', () => {
    const text = of('add_observations', { a: 1, b: true, c: { x: 1 }, d: [1, 2, 3, 4, 5], e: null, f: 'y' });
    expect(text).toBe('note observations · a 1 · b true · c 1 value · d 1, 2, 3 and 2 more · and 2 more');
    expect(of('run_command', { command: `echo ${'x'.repeat(500)}` })).toContain('(505 characters)');
  });

  it('hides nothing that moves or hides text', () => {
    const text = of('write\u202e_file', { path: 'a\u200bb\nc', 'k\u0007': 'v\u001b[31m' });
    expect(text).not.toMatch(/[\u0000-\u001f\u200b\u202e]/);
    expect(text).toContain('⟨U+200B⟩');
    expect(of('write_file', { path: `${' '.repeat(400)}/etc/passwd` })).toContain('(411 characters)');
  });

  it('shows the home folder as ~ only where it is one', () => {
    expect(of('read_file', { path: '/home/me2/x' })).toBe('read a file: /home/me2/x');
    expect(of('read_file', { path: '/home/me' })).toBe('read a file: ~');
  });
});
