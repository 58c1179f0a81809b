import * as http from 'node:http';
import * as https from 'node:https';
import * as z from 'zod';
import type { Clock } from '../../../shared/clock.ts';
import { SallyportError } from '../../../shared/errors.ts';
import { visibleText } from '../../../shared/visible-text.ts';
import type { Network } from './network.ts';
import { parseRetryAfter } from './openai-retry.ts';
import { createOutboundAgent, wayOutProblem } from './outbound-agent.ts';

/** A tunnel of OpenAI's Secure MCP Tunnel and the key that may use it. */
export interface OpenAiAccount {
  /** Root of the control plane, `https://api.openai.com`. */
  readonly baseUrl: string;
  readonly tunnelId: string;
  /** Runtime key; goes into one header and nowhere else. */
  readonly key: string;
  /** Sent as `OpenAI-Organization` where the tunnel belongs to one of several. */
  readonly organization?: string | undefined;
  /** Stable for this installation. */
  readonly instanceId: string;
}

/** What one request to the control plane came to. */
export type Exchanged =
  | {
      readonly kind: 'answered';
      readonly status: number;
      /** Monotonic milliseconds when the headers of the answer were there. */
      readonly receivedAt: number;
      readonly retryAfterMs: number | undefined;
      readonly body: Buffer;
    }
  | {
      readonly kind: 'failed';
      /** Whether anything of the request may have reached the service. */
      readonly written: boolean;
      /** A system error code or a few words; never a URL or a header. */
      readonly why: string;
      /** What a person can mend about it, where that is known. */
      readonly problem?: SallyportError | undefined;
    };

/** The calls of the control plane that a client needs, over one pool of connections. */
export interface ControlPlane {
  /** From now on declares channels in the first version only: for a service that takes no other. @returns whether it did not */
  declareLess(): boolean;
  poll(options: { limit: number; timeoutMs: number; giveUpMs: number; signal: AbortSignal }): Promise<Exchanged>;
  /** Makes a POST of an answer once, headers included, so that every attempt sends the same. */
  response(
    shardToken: string,
    body: Buffer,
  ): (options: { timeoutMs: number; signal: AbortSignal }) => Promise<Exchanged>;
  metadata(options: { timeoutMs: number; signal: AbortSignal }): Promise<Exchanged>;
  close(): void;
}

/** The wire contract that this client was written to (protocol.md, Tunnel wire protocol version). */
const wireVersion = '2026-08-25';
const maxPollBody = 64 * 1024 * 1024;
const maxAnswerBody = 64 * 1024;

/**
 * The control plane's root as a person may give it.
 * @throws SallyportError `openai_base_url` for anything but an https origin, or http on this machine
 */
export function parseBaseUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const local = url !== undefined && ['127.0.0.1', 'localhost', '[::1]'].includes(url.hostname);
  const clean = url !== undefined && url.username === '' && url.password === '' && url.search === '' && url.hash === '';
  if (!url || !clean || url.pathname !== '/' || !(url.protocol === 'https:' || (url.protocol === 'http:' && local))) {
    throw new SallyportError('openai_base_url', 'app', 'The address of the control plane must be an https origin.', {
      hint: 'Give the host only, for instance https://api.openai.com, without a path.',
    });
  }
  return url.origin;
}

/**
 * Whether a text is a tunnel id as the platform's settings show it. To clients it is opaque (protocol.md), so that another
 * control plane than OpenAI's may name its tunnels otherwise.
 */
export function isTunnelId(text: string, baseUrl: string): boolean {
  const own = new URL(baseUrl).hostname.endsWith('.openai.com');
  return own ? /^tunnel_[a-z0-9]{32}$/.test(text) : /^[A-Za-z0-9][A-Za-z0-9._~-]{0,255}$/.test(text);
}

/**
 * `X-Tunnel-MCP-Server-Info`: every channel takes self-contained requests of 2026-07-28 (`stateless`, which version 2 has), and
 * sessions, prompts and what was answered already live in this process (`proc_affinity`).
 */
export function serverInfo(channels: readonly string[], version: 1 | 2 = 2): string | undefined {
  if (channels.length === 0) return undefined;
  for (let count = Math.min(channels.length, 32); count > 0; count -= 1) {
    const named = channels
      .slice(0, count)
      .map((name) => ({ name, ...(version === 2 ? { stateless: true } : {}), proc_affinity: true }));
    const value = JSON.stringify({ version, channels: named });
    if (Buffer.byteLength(value) <= 4_096) return value;
  }
  return undefined;
}

/** Opens the client. No redirect is followed, nothing is cached, nothing of a payload is logged. */
export function openControlPlane(options: {
  readonly account: OpenAiAccount;
  readonly clock: Clock;
  readonly version: string;
  readonly network: Network;
  /** Names of the channels that are served now. */
  readonly channels: () => readonly string[];
}): ControlPlane {
  const { account, clock, version } = options;
  const base = new URL(parseBaseUrl(account.baseUrl));
  const secure = base.protocol === 'https:';
  const agent = createOutboundAgent(base, options.network, clock);
  const root = `/v1/tunnels/${encodeURIComponent(account.tunnelId)}`;

  let declared: 1 | 2 = 2;

  const headers = (): Record<string, string> => {
    const info = serverInfo(options.channels(), declared);
    return {
      authorization: `Bearer ${account.key}`,
      accept: 'application/json',
      'user-agent': `sallyport/${version}`,
      'x-tunnel-client-name': 'sallyport',
      'x-tunnel-client-version': version,
      'x-tunnel-client-instance-id': account.instanceId,
      'x-tunnel-client-wire-protocol-version': wireVersion,
      ...(info === undefined ? {} : { 'x-tunnel-mcp-server-info': info }),
      ...(account.organization === undefined ? {} : { 'openai-organization': account.organization }),
    };
  };

  const exchange = (
    method: 'GET' | 'POST',
    path: string,
    how: { timeoutMs: number; signal: AbortSignal; maxBody: number; body?: Buffer; headers?: Record<string, string> },
  ): Promise<Exchanged> =>
    new Promise((resolve) => {
      let written = false;
      let over = false;
      const finish = (result: Exchanged): void => {
        if (over) return;
        over = true;
        stopTimer();
        how.signal.removeEventListener('abort', aborted);
        resolve(result);
      };
      const fail = (why: string, problem?: SallyportError): void => {
        finish({ kind: 'failed', written, why, problem });
        outgoing.destroy();
      };
      const aborted = (): void => fail('given up');
      const outgoing = (secure ? https : http).request({
        agent,
        method,
        protocol: base.protocol,
        // Brackets around an IPv6 address belong to the URL only.
        host: base.hostname.replace(/^\[|\]$/g, ''),
        port: base.port,
        path,
        headers: how.headers ?? headers(),
      });
      const stopTimer = clock.schedule(how.timeoutMs, () => fail('no answer in time'));
      outgoing.on('socket', (socket) => {
        if (outgoing.reusedSocket || !socket.connecting) {
          written = true;
          return;
        }
        socket.once(secure ? 'secureConnect' : 'connect', () => {
          written = true;
        });
      });
      outgoing.on('error', (error: NodeJS.ErrnoException) =>
        fail(error.code ?? 'connection failed', wayOutProblem(error, base.host)),
      );
      outgoing.on('response', (response) => {
        const receivedAt = clock.monotonic();
        const chunks: Buffer[] = [];
        let size = 0;
        response.on('data', (chunk: Buffer) => {
          size += chunk.length;
          chunks.push(chunk);
          if (size > how.maxBody) fail('the answer is too large');
        });
        response.on('error', (error: NodeJS.ErrnoException) => fail(error.code ?? 'the answer broke off'));
        response.on('aborted', () => fail('the answer broke off'));
        response.on('end', () => {
          if (!response.complete) {
            fail('the answer broke off');
            return;
          }
          finish({
            kind: 'answered',
            status: response.statusCode ?? 0,
            receivedAt,
            retryAfterMs: parseRetryAfter(response.headers['retry-after'], clock.now()),
            body: Buffer.concat(chunks),
          });
        });
      });
      if (how.signal.aborted) {
        fail('given up');
        return;
      }
      how.signal.addEventListener('abort', aborted, { once: true });
      outgoing.end(how.body);
    });

  return {
    declareLess() {
      if (declared === 1) return false;
      declared = 1;
      return true;
    },
    poll: ({ limit, timeoutMs, giveUpMs, signal }) =>
      exchange('GET', `${root}/poll?limit=${limit}&timeout_ms=${timeoutMs}`, {
        timeoutMs: giveUpMs,
        signal,
        maxBody: maxPollBody,
      }),
    response(shardToken, body) {
      const made = {
        ...headers(),
        'content-type': 'application/json',
        'content-length': String(body.length),
        'x-tunnel-shard-token': shardToken,
      };
      return ({ timeoutMs, signal }) =>
        exchange('POST', `${root}/response`, { timeoutMs, signal, maxBody: maxAnswerBody, body, headers: made });
    },
    metadata: ({ timeoutMs, signal }) => exchange('GET', root, { timeoutMs, signal, maxBody: maxAnswerBody }),
    close: () => agent.destroy(),
  };
}

const errorBody = z.looseObject({ error: z.looseObject({ code: z.string().max(128).nullish() }) });

/** The service's stable error code, where it gave one; it is shown, so odd characters are made visible. */
export function errorCodeOf(body: Buffer): string | undefined {
  try {
    const { code } = errorBody.parse(JSON.parse(body.toString('utf8'))).error;
    return code ? visibleText(code, { max: 80 }) : undefined;
  } catch {
    return undefined;
  }
}

/** Why an answer to a poll means that the tunnel is not up, as people are told. `undefined` for 200 and 204. */
export function pollProblem(exchanged: Exchanged, host: string): SallyportError | undefined {
  if (exchanged.kind === 'failed') {
    if (exchanged.problem) return exchanged.problem;
    return new SallyportError('openai_unreachable', 'edge', `${host} does not answer (${exchanged.why}).`, {
      hint: 'Check the network; Sallyport keeps trying.',
    });
  }
  const { status } = exchanged;
  if (status === 200 || status === 204) return undefined;
  const code = errorCodeOf(exchanged.body);
  const said = code === undefined ? `${status}` : `${status}, ${code}`;
  if (status === 401 || status === 403) {
    return new SallyportError('openai_key_refused', 'edge', `OpenAI refuses the runtime key (${said}).`, {
      hint:
        code === 'tunnel_active_organization_required'
          ? 'The tunnel belongs to an organization: name it with --organization.'
          : 'Check in the platform settings that the key exists and may use this tunnel, then run sallyport tunnel use openai.',
    });
  }
  if (status === 400 || status === 404) {
    return new SallyportError('openai_tunnel_unknown', 'edge', `OpenAI does not know this tunnel (${said}).`, {
      hint: 'Copy the tunnel id from the platform settings, then run sallyport tunnel use openai.',
    });
  }
  if (status === 429) {
    return new SallyportError('openai_rate_limited', 'edge', `OpenAI asks for fewer requests (${said}).`, {
      hint: 'Sallyport waits as long as it was told and goes on.',
    });
  }
  return new SallyportError('openai_unavailable', 'edge', `OpenAI’s tunnel service has trouble (${said}).`, {
    hint: 'Sallyport keeps trying.',
  });
}
