import type { LogDetail } from '../../../electron/shared/views.ts';
import { visibleText } from '../../../electron/shared/visible-text.ts';
import { shellQuote } from '../../shell-quote.ts';

/** The revision whose requests stand alone, so that one command is the whole call. */
const revision = '2026-07-28';

/**
 * A call as a `curl` command for a shell (`security.md` S15): every part that outsiders wrote is single-quoted, the
 * certificate authority is named, the token is `$SALLYPORT_TOKEN` and never a value. What cannot be seen is written as a
 * JSON escape in the body; anywhere else, and for control characters, the copy is refused.
 * @param url the shared server's address
 * @returns the command, or `undefined` where it was refused
 */
export function copyAsCurl(row: Pick<LogDetail, 'method' | 'tool' | 'argumentsText'>, url: string): string | undefined {
  const method = row.method ?? 'tools/call';
  const raw = row.argumentsText ?? '';
  const name = row.tool;
  if (
    !plain(url) ||
    !plain(method) ||
    (name !== undefined && !plain(name)) ||
    /[\u0000-\u0008\u000b-\u001f\u007f]/.test(raw)
  ) {
    return undefined;
  }
  const params = [
    ...(name === undefined ? [] : [`"name":${JSON.stringify(name)}`]),
    ...(raw === '' ? [] : [`"arguments":${escapeUnseen(raw)}`]),
    `"_meta":{"io.modelcontextprotocol/protocolVersion":"${revision}","io.modelcontextprotocol/clientCapabilities":{}}`,
  ];
  const body = `{"jsonrpc":"2.0","id":1,"method":${JSON.stringify(method)},"params":{${params.join(',')}}}`;
  return [
    `curl --cacert sallyport-ca.pem ${shellQuote(url)}`,
    `-H "Authorization: Bearer $SALLYPORT_TOKEN"`,
    `-H 'Content-Type: application/json' -H 'Accept: application/json, text/event-stream'`,
    `-H 'MCP-Protocol-Version: ${revision}' -H ${shellQuote(`Mcp-Method: ${method}`)}${name === undefined ? '' : ` -H ${shellQuote(`Mcp-Name: ${name}`)}`}`,
    `--data-raw ${shellQuote(body)}`,
  ].join(' \\\n  ');
}

/** A call as a line for `sallyport policy replay` (`design.md` §6). */
export function copyAsReplay(row: Pick<LogDetail, 'server' | 'tool' | 'argumentsText' | 'at'>): string | undefined {
  if (row.server === undefined || row.tool === undefined) return undefined;
  const head = JSON.stringify({ type: 'call', at: row.at, server: row.server, tool: row.tool });
  const raw = row.argumentsText ?? '{}';
  // A line is a line: JSON text has no raw line breaks inside strings, and those between tokens mean nothing.
  return escapeUnseen(`${head.slice(0, -1)},"arguments":${raw.replace(/[\r\n]+\s*/g, '')}}`);
}

/** Whether a header or URL can carry it: visible ASCII only. */
function plain(text: string): boolean {
  return /^[\x20-\x7e]*$/.test(text);
}

/** In JSON text, writes what nobody sees as `\uXXXX`, which means the same. */
function escapeUnseen(json: string): string {
  let out = '';
  for (const character of json) {
    const hidden = character > '\x7e' && visibleText(character) !== character;
    if (!hidden) out += character;
    else
      for (let at = 0; at < character.length; at += 1)
        out += `\\u${character.charCodeAt(at).toString(16).padStart(4, '0')}`;
  }
  return out;
}
