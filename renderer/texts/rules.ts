import { counted } from './counted.ts';

/** Texts of the rules' page. */
export const rulesTexts = {
  rules: {
    title: 'Rules',
    open: 'Rules',
    /** How messages call the file. */
    file: 'rules.yaml',
    hint: 'Rules filter what was asked for, not what a server does with it. A deny rule comes before everything that allows.',
    label: 'Rules file',
    set: 'Put in force',
    undo: 'Undo changes',
    changed: 'Not in force yet.',
    inForce: (count: number) =>
      count === 0 ? 'No rules are in force.' : `${counted(count, 'rule is', 'rules are')} in force.`,
    kept: 'Kept in',
    example:
      'version: 1\nrules:\n  - id: notes-only\n    when: { server: files, paths-under: [~/notes] }\n    then: allow\n',
  },
} as const;
