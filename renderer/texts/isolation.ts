import { counted } from './counted.ts';

/** Texts of what a server on this machine may touch. */
export const isolationTexts = {
  isolation: {
    title: 'What it may touch here',
    states: { open: 'whatever you may', environment: 'whatever you may, with few variables' },
    walled: (read: number, write: number, network: boolean) =>
      `reads ${counted(read, 'folder', 'folders')}, writes ${counted(write, 'folder', 'folders')}, ${network ? 'with' : 'no'} network`,
    manner: (server: string) => `What ${server} may touch`,
    manners: { open: 'Everything', environment: 'Fewer variables', walled: 'Walled in' },
    hints: {
      open: 'It runs as you: it can read and change what you can, and reach the network.',
      environment: 'It still runs as you, but sees only the variables that it was given and a few harmless ones.',
      walled: 'It sees its own program, the system’s, and the folders named here; nothing else of this machine.',
    },
    read: 'Folders that it may read, one a line',
    readHint: 'Whole paths.',
    write: 'Folders that it may read and change, one a line',
    network: 'It may use the network',
    apply: 'Apply',
    applyHint: 'It starts anew with its next call.',
  },
} as const;
