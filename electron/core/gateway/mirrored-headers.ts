import type { Exchange } from './exchange.ts';

/** The headers that repeat parts of the body (MCP 2026-07-28, Streamable HTTP), white space around them stripped. */
export interface MirroredHeaders {
  readonly version?: string;
  readonly method?: string;
  /** As sent: the base64 sentinel is not decoded yet. */
  readonly name?: string;
}

/** Reads them. */
export function readMirroredHeaders(exchange: Exchange): MirroredHeaders {
  const version = exchange.header('mcp-protocol-version')?.trim();
  const method = exchange.header('mcp-method')?.trim();
  const name = exchange.header('mcp-name')?.trim();
  return {
    ...(version === undefined ? {} : { version }),
    ...(method === undefined ? {} : { method }),
    ...(name === undefined ? {} : { name }),
  };
}

const canonicalBase64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/**
 * Decodes the value of `Mcp-Name` or `Mcp-Param-*`: `=?base64?<UTF-8 in base64>?=` where the value could not be a header,
 * else plain visible ASCII.
 * @returns `undefined` for illegal characters, broken base64 or broken UTF-8
 */
export function decodeMirrored(value: string): string | undefined {
  if (!(value.startsWith('=?base64?') && value.endsWith('?=') && value.length >= 11)) {
    return /^[\t\x20-\x7e]*$/.test(value) ? value : undefined;
  }
  const encoded = value.slice(9, -2);
  if (!canonicalBase64.test(encoded)) return undefined;
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.from(encoded, 'base64'));
  } catch {
    return undefined;
  }
}
