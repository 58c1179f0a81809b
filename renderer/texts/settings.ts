import { counted } from './counted.ts';

/** Texts of Settings. */
export const settingsTexts = {
  installation: {
    dataDir: 'Data folder',
    sealer: 'Secrets sealed by',
    keyfile: 'a key file in the data folder: no real keyring is on this machine',
    keyring: (backend: string) => `the system’s keyring (${backend})`,
    storage: 'Storage used',
    storageWords: (total: string, log: string) => `${total}, of which the log has ${log}`,
    tray: 'Tray',
    trayNone:
      'This desktop shows no tray icons (no StatusNotifier host on the session bus), so closing the window minimises it.',
    trayShown: 'in the tray; closing the window leaves Sallyport running',
    shortcuts: 'Shortcuts',
    shortcutsWords: (mod: string) => `${mod}+Alt+Shift+P pauses, ${mod}+Alt+Shift+S shows what waits`,
  },
  settings: {
    title: 'Settings',
    cliMayDecide: 'The command line may decide',
    cliMayDecideHint:
      'While this window is open, sallyport in a terminal cannot answer prompts, share or make tokens. Default: off.',
    openAtLogin: 'Open at login',
    openAtLoginHint: 'Sallyport starts with your session, in the tray. Default: off.',
    appearance: 'Appearance',
    appearanceHint: 'Of this window. Default: as the system.',
    themes: { system: 'As the system', light: 'Light', dark: 'Dark' },
    about: 'About',
    version: 'Version',
    front: 'This window',
    fronts: { app: 'the app', browser: 'a browser page' },
    domain: 'Domain',
    log: 'Request log',
    verify: 'Verify the log',
    verifyHint: 'Each row is chained to the one before; this checks all of them.',
    verifyOk: (rows: number) => `Unbroken: ${counted(rows, 'row', 'rows')} verified.`,
    verifyBad: (seq: number | undefined, why: string) => `Broken${seq === undefined ? '' : ` at row ${seq}`}: ${why}`,
  },
} as const;
