import { spawn } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';

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

/**
 * Opens a page of somebody else's in the person's browser, by a file that leads on to it: the address is in no list of
 * processes and passes no shell.
 * @param file where that file may lie; removed after a minute
 * @param url https, or http on loopback
 */
export function openPageInBrowser(file: string, url: string): void {
  const target = new URL(url).href.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;');
  const page = `<!doctype html><meta charset="utf-8"><meta name="referrer" content="no-referrer"><title>Sallyport</title>
<meta http-equiv="refresh" content="0;url=${target}"><p><a href="${target}">Go on to sign in</a></p>
`;
  rmSync(file, { force: true });
  writeFileSync(file, page, { mode: 0o600, flag: 'wx' });
  openInBrowser(file, () => {});
  setTimeout(() => rmSync(file, { force: true }), 60_000).unref();
}

function opener(
  platform: NodeJS.Platform,
  env: Readonly<Record<string, string | undefined>>,
): readonly [string, ...string[]] | undefined {
  if (platform === 'darwin') return ['/usr/bin/open'];
  if (platform === 'win32') return ['rundll32.exe', 'url.dll,FileProtocolHandler'];
  return env.DISPLAY || env.WAYLAND_DISPLAY ? ['xdg-open'] : undefined;
}
