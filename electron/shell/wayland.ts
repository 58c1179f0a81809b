/**
 * Whether this desktop's compositor places windows itself: then a prompt cannot put itself above others, and a notification
 * and the taskbar lead to it (`design.md`, prompts). `--ozone-platform=x11` brings placing back, through XWayland.
 */
export function isWayland(
  platform: NodeJS.Platform,
  environment: Readonly<Record<string, string | undefined>>,
  args: readonly string[] = process.argv,
): boolean {
  if (platform !== 'linux' || args.includes('--ozone-platform=x11')) return false;
  return environment.XDG_SESSION_TYPE === 'wayland' || (environment.WAYLAND_DISPLAY ?? '') !== '';
}
