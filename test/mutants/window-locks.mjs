/** The locks of the desktop window (`docs/security.md`), each taken away by one line. */

const posture = 'test/shell/posture.test.ts';
const lock = (what, file, find, put, name, test = posture) => ({
  claim: `window: ${what}`,
  file: `electron/shell/${file}`,
  find,
  put,
  test,
  name,
});

/** @type {readonly {claim: string, file: string, find: string, put: string, test: string, name: string}[]} */
export const windowLocks = [
  lock('sandbox of each', 'app-window.ts', 'sandbox: true,', 'sandbox: false,', 'windows are sandboxed'),
  lock('sandbox of all', 'shell.ts', 'app.enableSandbox();', '', 'windows are sandboxed'),
  lock('isolation', 'app-window.ts', 'contextIsolation: true,', 'contextIsolation: false,', 'windows are sandboxed'),
  lock('no Node', 'app-window.ts', 'nodeIntegration: false,', 'nodeIntegration: true,', 'windows are sandboxed'),
  lock('web security', 'app-window.ts', 'webSecurity: true,', 'webSecurity: false,', 'windows are sandboxed'),
  lock(
    'permissions asked',
    'session-policy.ts',
    'answer) => answer(false)',
    'answer) => answer(true)',
    'the permission media',
  ),
  lock(
    'permissions checked',
    'session-policy.ts',
    'setPermissionCheckHandler(() => false)',
    'setPermissionCheckHandler(() => true)',
    'the permission media',
  ),
  lock(
    'devices',
    'session-policy.ts',
    'setDevicePermissionHandler(() => false)',
    'setDevicePermissionHandler(() => true)',
    'the permission usb',
  ),
  lock('network filter', 'session-policy.ts', 'cancel: !mayLoad(details.url)', 'cancel: false', 'request filter too'),
  lock(
    'navigation',
    'navigation-policy.ts',
    "contents.on('will-navigate', (event) => event.preventDefault());\n  contents.on('will-frame-navigate', (event) => event.preventDefault());",
    '',
    'to elsewhere is denied',
  ),
  lock(
    'popups',
    'navigation-policy.ts',
    "return { action: 'deny' };",
    "return { action: 'allow' };",
    'windows are not opened',
  ),
  lock('links outside', 'external-links.ts', 'hosts.has(url.hostname)', 'true', 'a link on the allow-list'),
  lock('connections by the policy', 'app-files.ts', "connect-src 'none'", 'connect-src *', 'is closed by the policy'),
  lock(
    'inline scripts',
    'app-files.ts',
    '"script-src \'self\'"',
    "\"script-src 'self' 'unsafe-inline'\"",
    'inline scripts do not run',
  ),
  lock(
    'files outside the folder',
    'app-files.ts',
    'file.startsWith(resolve(folder) + sep) ? file : undefined',
    'file',
    'app://ui/..%2fsecret.html is not found',
    'test/shell/app-files.test.ts',
  ),
  lock(
    'senders that nobody admitted',
    'ipc-binding.ts',
    'sessions.get(event.sender.id);',
    '[...sessions.values()][0];',
    'web contents that nobody admitted',
  ),
  lock('frames inside', 'ipc-binding.ts', ' || senderFrame.parent !== null', '', 'a frame inside our page'),
  lock('hosts of the scheme', 'ipc-binding.ts', " && url.host === 'ui'", '', 'another host of the scheme'),
  lock(
    'pages from elsewhere',
    'ipc-binding.ts',
    "url?.protocol === 'app:' && ",
    'url !== null && ',
    'a page from elsewhere',
  ),
];
