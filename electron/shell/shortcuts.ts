import { globalShortcut } from 'electron';

/** Keys that work wherever the keyboard is; four at once, so that they are in nobody's way. */
export const shortcuts = {
  pause: 'CommandOrControl+Alt+Shift+P',
  show: 'CommandOrControl+Alt+Shift+S',
} as const;

/** Takes the keys. One that another program holds stays with it: everything is in the tray as well. */
export function registerShortcuts(acts: { readonly pause: () => void; readonly show: () => void }): void {
  globalShortcut.register(shortcuts.pause, acts.pause);
  globalShortcut.register(shortcuts.show, acts.show);
}
