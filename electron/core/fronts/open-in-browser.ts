import { spawn } from 'node:child_process';

/**
 * Opens a local file in the person's browser, without a shell. The file leads on to the page, so that its key is in no
 * argument list (`security.md` S20).
 * @param onFailure called once if no browser could be started; the caller then says the address
 */
export function openInBrowser(
  file: string,
  onFailure: () => void,
  platform: NodeJS.Platform = process.platform,
  env: Readonly<Record<string, string | undefined>> = process.env,
): void {
  const command = opener(platform, env);
  if (!command) {
    onFailure();
    return;
  }
  const [program, ...args] = command;
  const child = spawn(program, [...args, file], { stdio: 'ignore', detached: true });
  child.once('error', onFailure);
  child.once('exit', (status) => {
    if (status !== 0) onFailure();
  });
  child.unref();
}

function opener(
  platform: NodeJS.Platform,
  env: Readonly<Record<string, string | undefined>>,
): readonly [string, ...string[]] | undefined {
  if (platform === 'darwin') return ['/usr/bin/open'];
  if (platform === 'win32') return ['rundll32.exe', 'url.dll,FileProtocolHandler'];
  return env.DISPLAY || env.WAYLAND_DISPLAY ? ['xdg-open'] : undefined;
}
