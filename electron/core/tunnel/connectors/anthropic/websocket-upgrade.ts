import { createHash } from 'node:crypto';

/** What of a WebSocket opening hand-shake is answered (RFC 6455 §4.2). */
export interface UpgradeAnswer {
  /** Headers of the 101, in their usual spelling. */
  readonly headers: Readonly<Record<string, string>>;
}

/** Why an upgrade is refused: the status to answer. */
export interface UpgradeRefusal {
  readonly status: 400 | 426;
  readonly why: string;
}

/** Headers of an upgrade as they came; a header that came twice is joined by commas. */
export interface UpgradeHeaders {
  readonly [name: string]: string | readonly string[] | undefined;
}

const keyGuid = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/**
 * Answers a WebSocket opening hand-shake liberally: any path and Host, any or no sub-protocol (the first one offered is
 * taken), no extensions ever (what is inside is TLS and does not compress).
 */
export function answerUpgrade(headers: UpgradeHeaders): UpgradeAnswer | UpgradeRefusal {
  const version = one(headers['sec-websocket-version']);
  if (version !== undefined && version !== '13') return { status: 426, why: 'This is a WebSocket of version 13.' };
  const key = one(headers['sec-websocket-key']);
  if (key === undefined || !/^[A-Za-z0-9+/]{22}==$/.test(key)) {
    return { status: 400, why: 'Sec-WebSocket-Key is missing or malformed.' };
  }
  const protocol = one(headers['sec-websocket-protocol'])?.split(',')[0]?.trim();
  return {
    headers: {
      Upgrade: 'websocket',
      Connection: 'Upgrade',
      'Sec-WebSocket-Accept': createHash('sha1').update(`${key}${keyGuid}`).digest('base64'),
      // A token and nothing else (RFC 9110 §5.6.2): it goes back into a header.
      ...(protocol && /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(protocol) ? { 'Sec-WebSocket-Protocol': protocol } : {}),
    },
  };
}

function one(value: string | readonly string[] | undefined): string | undefined {
  const text = typeof value === 'string' ? value : value?.join(',');
  return text?.trim();
}
