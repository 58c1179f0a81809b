/**
 * Why Electron ended before the app was ready, in words.
 * @param {{ code: number | null, signal: string | null, stderr: string, error?: Error & { code?: string } }} end
 * @returns {string}
 */
export function whyElectronEnded({ code, signal, stderr, error }) {
  const library = /error while loading shared libraries: (\S+?):/.exec(stderr)?.[1];
  if (library) return `the system library ${library} is missing`;
  if (/SUID sandbox|No usable sandbox|sandbox_host_linux|namespace sandbox/i.test(stderr))
    return "Chromium's sandbox cannot start on this system";
  if (/Missing X server|cannot open display|Unable to open X display|Failed to connect to Wayland/i.test(stderr))
    return 'the display does not answer';
  if (error?.code === 'EACCES') return 'its program file may not be run';
  if (error?.code === 'ENOEXEC' || /Exec format error/.test(stderr))
    return 'its program file is for another kind of machine';
  if (error) return `it did not start: ${error.code ?? error.message}`;
  if (/GLIBC\S* not found/.test(stderr)) return 'this system is too old for it';
  if (signal) return `it was ended by ${signal} before the app was ready`;
  return `it ended with status ${code} before the app was ready`;
}
