/** Programs whose configuration is a file that *Write it for me* knows how to change, with their names for people. */
export const writablePrograms = {
  'claude-code': 'Claude Code',
  cursor: 'Cursor',
  vscode: 'VS Code',
  codex: 'Codex',
  gemini: 'Gemini CLI',
  zed: 'Zed',
  windsurf: 'Windsurf',
  'lm-studio': 'LM Studio',
} as const;

/** See {@link writablePrograms}. */
export type WritableProgram = keyof typeof writablePrograms;

/** Their ids, in the order in which they are shown. */
export const writableProgramIds = Object.keys(writablePrograms) as WritableProgram[];
