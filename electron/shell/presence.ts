import { powerMonitor } from 'electron';
import type { ShellCore } from './shell-core.ts';

/** How often the desktop is asked how long nobody touched it, milliseconds. */
const lookEveryMs = 15_000;

/** Tells the core of the screen's lock and of idle time. @returns what ends it */
export function followPresence(presence: ShellCore['presence']): () => void {
  powerMonitor.on('lock-screen', () => presence.lock(true));
  powerMonitor.on('unlock-screen', () => presence.lock(false));
  const timer = setInterval(() => presence.idle(powerMonitor.getSystemIdleTime() * 1_000), lookEveryMs);
  timer.unref();
  return () => clearInterval(timer);
}
