import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { app } from 'electron';

/** What to run at login. */
export interface LoginCommand {
  readonly program: string;
  readonly args: readonly string[];
}

/**
 * The command that starts this very app again, in the tray alone. An AppImage is started by its own file, not by what it
 * unpacked for this run.
 */
export function loginCommand(dataDir: string, isDefaultDataDir: boolean): LoginCommand {
  const program = process.env.APPIMAGE ?? process.execPath;
  const folder = app.isPackaged ? [] : process.argv.slice(1, 2);
  return { program, args: [...folder, ...(isDefaultDataDir ? [] : ['--data-dir', dataDir]), '--hidden'] };
}

/**
 * Makes the app start at login, or no longer. Electron knows how on macOS and Windows; on Linux it is a file that the
 * desktop reads (XDG autostart specification). What cannot be written is told to the caller, never half written.
 */
export function setLoginItem(open: boolean, command: LoginCommand): void {
  if (process.platform !== 'linux') {
    app.setLoginItemSettings({ openAtLogin: open, path: command.program, args: [...command.args] });
    return;
  }
  const file = autostartFile();
  if (!open) {
    rmSync(file, { force: true });
    return;
  }
  const entry = autostartEntry(command);
  if (currentText(file) === entry) return;
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, entry);
}

function autostartFile(): string {
  const config = process.env.XDG_CONFIG_HOME;
  return join(config?.startsWith('/') ? config : join(homedir(), '.config'), 'autostart', 'sallyport.desktop');
}

function currentText(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

/** The desktop entry; `Exec` quoted by the Desktop Entry Specification. */
export function autostartEntry({ program, args }: LoginCommand): string {
  return [
    '[Desktop Entry]',
    'Type=Application',
    'Name=Sallyport',
    'Comment=Lets agents reach the MCP servers that you share',
    `Exec=${[program, ...args].map(quoted).join(' ')}`,
    'X-GNOME-Autostart-enabled=true',
    'Terminal=false',
    '',
  ].join('\n');
}

/**
 * Quoted as an argument, then once more as a string value: a backslash of the first stays one after the second, and `%`
 * would be a field code.
 */
function quoted(argument: string): string {
  const inside = argument.replace(/[\\"`$]/g, '\\$&').replaceAll('%', '%%');
  return `"${inside}"`.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
}
