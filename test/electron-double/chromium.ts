import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as wait } from 'node:timers/promises';
import { browserOwnPages } from '../chromium.mjs';
import { type Cdp, createCdp } from './cdp.ts';
import { guardPopups } from './popups.ts';

/** The browser behind all windows of the double. */
export interface Chromium {
  readonly cdp: Cdp;
  /** Port of the DevTools protocol, where the test runner attaches. */
  readonly port: number;
}

/** Starts a headless Chromium that ends with this process, however that ends. @param folder for its profile */
export async function startChromium(folder: string): Promise<Chromium> {
  const executable = process.env.CHROMIUM;
  if (!executable) throw new Error('The double needs CHROMIUM, the path of a Chromium.');
  mkdirSync(folder, { recursive: true });
  const child = spawn(
    executable,
    [
      '--headless=new',
      // Chromium's own sandbox does not run as root: what the double shows about renderers' sandboxes proves nothing.
      ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
      `--user-data-dir=${folder}`,
      '--remote-debugging-pipe',
      '--remote-debugging-port=0',
      '--no-first-run',
      '--no-default-browser-check',
      '--disable-gpu',
      '--disable-dev-shm-usage',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--disable-popup-blocking',
      '--disable-renderer-backgrounding',
      '--disable-backgrounding-occluded-windows',
      // Nothing may be closed but by the app's own locks: pages may ask loopback addresses, where tests listen.
      `--disable-features=LocalNetworkAccessChecks,BlockInsecurePrivateNetworkRequests,${browserOwnPages.join(',')}`,
      '--host-resolver-rules=MAP *.app-scheme.test ~NOTFOUND',
      '--no-startup-window',
    ],
    {
      // The session bus is the app's: a bus of a test must not hold the browser up.
      env: { ...process.env, DBUS_SESSION_BUS_ADDRESS: '' },
      stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
    },
  );
  child.on('error', () => undefined);
  process.on('exit', () => {
    child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  });
  const cdp = createCdp(child.stdio[3] as Writable, child.stdio[4] as Readable);
  await cdp.send('Target.setDiscoverTargets', { discover: true });
  await guardPopups(cdp);
  const portFile = join(folder, 'DevToolsActivePort');
  while (!existsSync(portFile) && child.exitCode === null) await wait(20);
  return { cdp, port: Number(readFileSync(portFile, 'utf8').split('\n')[0]) };
}
