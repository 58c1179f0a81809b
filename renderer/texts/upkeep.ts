import { counted } from './counted.ts';

/** Texts of backing up, moving, resetting and removing. */
export const upkeepTexts = {
  upkeep: {
    title: 'Keep, move, remove',
    backup: 'Back up',
    backupHint: 'Everything in one sealed file: settings, rules, certificates, grants, the log and the secrets.',
    path: 'File, with its whole path',
    make: 'Back up',
    made: (path: string, size: string) => `${path} is written, ${size}.`,
    code: 'It opens with this code alone, which is kept nowhere. Write it down now.',
    move: 'Move to another machine, or restore',
    moveHint: 'Quit Sallyport there, then run this with the file. It asks for the code, and starts paused.',
    moveCommand: 'sallyport restore FILE',
    reset: 'Reset keys',
    resetHint: 'A new certificate authority; every grant, token and remembered answer ends.',
    resetButton: 'Reset keys…',
    resetConfirm: 'Reset every key?',
    resetConfirmText: (agents: number) =>
      agents === 0
        ? 'Agents that trust the old certificate authority must be given the new one.'
        : `${counted(agents, 'agent loses its', 'agents lose their')} access at once and must be let in again, and be given the new certificate authority.`,
    resetDone: (fingerprint: string) => `The new authority is ${fingerprint}.`,
    again: 'To be let in again',
    remove: 'Remove everything',
    removeHint: 'Quit Sallyport, then run this: data folder, log and secrets go. Uninstalling the app leaves them.',
    removeCommand: 'sallyport remove',
  },
} as const;
