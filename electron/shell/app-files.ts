import { readFile } from 'node:fs/promises';
import { extname, join, resolve, sep } from 'node:path';

/** The page's address: our own scheme, one host. */
export const appOrigin = 'app://ui';

/**
 * The window's content security policy, sent as a header with every file. Nothing but our own files, no inline script or
 * style element, no connection to anywhere: the page reaches the core through the preload alone.
 */
export const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "font-src 'self'",
  "connect-src 'none'",
  "frame-src 'none'",
  "worker-src 'none'",
  "object-src 'none'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const contentTypes: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.woff2': 'font/woff2',
};

const headers = {
  'content-security-policy': contentSecurityPolicy,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-store',
};

/** Answers `app://ui/…` from the folder of the built renderer, and nothing else from anywhere. */
export function createAppFiles(folder: string): (request: Request) => Promise<Response> {
  return async (request) => {
    const file = request.method === 'GET' ? fileOf(request.url, folder) : undefined;
    const contentType = file && contentTypes[extname(file)];
    if (!file || !contentType) return new Response('Not found', { status: 404, headers });
    try {
      return new Response(await readFile(file), { headers: { ...headers, 'content-type': contentType } });
    } catch {
      return new Response('Not found', { status: 404, headers });
    }
  };
}

/** The file that an address names, if it is inside the folder. */
function fileOf(address: string, folder: string): string | undefined {
  const url = URL.parse(address);
  if (url?.protocol !== 'app:' || url.host !== 'ui') return undefined;
  let path: string;
  try {
    path = decodeURIComponent(url.pathname);
  } catch {
    return undefined;
  }
  // biome-ignore format: one character class a line reads worse
  if (/[\0\\:]/.test(path)) return undefined;
  const file = resolve(join(folder, path === '/' || path === '' ? 'index.html' : path));
  return file.startsWith(resolve(folder) + sep) ? file : undefined;
}
