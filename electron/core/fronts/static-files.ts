import { createReadStream } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { extname, join, sep } from 'node:path';

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
  '.json': 'application/json; charset=utf-8',
  '.txt': 'text/plain; charset=utf-8',
};

/**
 * What every answer of the browser front carries (`security.md` S20): nothing is loaded from elsewhere, no inline script
 * runs, no page may frame this one or read from it.
 */
export const strictHeaders: Readonly<Record<string, string>> = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'self'; " +
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'permissions-policy': 'camera=(), microphone=(), geolocation=()',
  'cache-control': 'no-cache',
};

/** Answers with one sentence as plain text. */
export function answerText(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { ...strictHeaders, 'content-type': 'text/plain; charset=utf-8' }).end(`${text}\n`);
}

/**
 * Sends a file below `root`, `index.html` for `/`. Nothing outside it is ever sent: the path is checked as text and,
 * since links may lead out, as the file that it really is.
 */
export async function sendStatic(root: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const found = await findFile(root, request.url ?? '/');
  if (found === 'no-root') {
    answerText(response, 503, 'The pages of Sallyport are not built yet. Run: npm run build');
    return;
  }
  if (!found) {
    answerText(response, 404, 'There is nothing here.');
    return;
  }
  response.writeHead(200, {
    ...strictHeaders,
    'content-type': types[extname(found.path)] ?? 'application/octet-stream',
    'content-length': found.size,
  });
  if (request.method === 'HEAD') {
    response.end();
    return;
  }
  const stream = createReadStream(found.path);
  stream.on('error', () => response.destroy());
  response.on('close', () => stream.destroy());
  stream.pipe(response);
}

async function findFile(root: string, url: string): Promise<{ path: string; size: number } | 'no-root' | undefined> {
  let base: string;
  try {
    base = await realpath(root);
    await stat(join(base, 'index.html'));
  } catch {
    return 'no-root';
  }
  const name = fileName(url);
  if (name === undefined) return undefined;
  try {
    const path = await realpath(join(base, name));
    if (!path.startsWith(base + sep)) return undefined;
    const found = await stat(path);
    return found.isFile() ? { path, size: found.size } : undefined;
  } catch {
    return undefined;
  }
}

/** The path asked for, relative; undefined where any part of it is not a plain name. */
function fileName(url: string): string | undefined {
  let path: string;
  try {
    path = decodeURIComponent(url.split(/[?#]/, 1)[0] ?? '/');
  } catch {
    return undefined;
  }
  if (path === '/') return 'index.html';
  const parts = path.split('/').slice(1);
  return path.startsWith('/') && parts.every((part) => /^[A-Za-z0-9_][A-Za-z0-9_.@-]*$/.test(part))
    ? parts.join(sep)
    : undefined;
}
