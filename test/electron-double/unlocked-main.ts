import { join } from 'node:path';
import { app, BrowserWindow, protocol } from 'electron';

/** An app without a single lock: what the double lets through when nobody forbids it. */

const [dataDir = ''] = process.argv.slice(process.argv.indexOf('--data-dir') + 1);
app.setPath('userData', join(dataDir, 'electron'));
protocol.registerSchemesAsPrivileged([{ scheme: 'app', privileges: { standard: true, secure: true } }]);

await app.whenReady();
protocol.handle('app', (request) => {
  const { pathname } = new URL(request.url);
  if (pathname === '/none.html') return new Response('gone', { status: 404 });
  return new Response('<!doctype html><title>unlocked</title><p>here</p>', {
    headers: { 'content-type': 'text/html' },
  });
});
const window = new BrowserWindow({ webPreferences: { preload: join(import.meta.dirname, 'unlocked-preload.cjs') } });
await window.loadURL('app://ui/index.html#/unlocked');
process.stdout.write('{"ready":true}\n');
