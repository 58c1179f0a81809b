import { randomBytes } from 'node:crypto';
import { Agent, request } from 'node:https';
import { isIP } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect, type TLSSocket } from 'node:tls';
import * as z from 'zod';
import { type Clock, timestamp } from '../../shared/clock.ts';
import { asSallyportError } from '../../shared/errors.ts';
import type { Hop } from '../../shared/hop.ts';
import type { probeView } from '../../shared/views.ts';
import { connectThroughProxy, type HttpProxy } from './connectors/proxy.ts';
import { publicKeyPin } from './pki/fingerprint.ts';

/** Outcome of one probe. */
export type Probe = z.infer<typeof probeView>;

/** Where a probe enters and what it must meet there. */
export interface ProbeTarget {
  /** Address to connect to: the edge's host. */
  readonly host: string;
  readonly port: number;
  /** Name asked for by SNI and Host: the tunnel's domain. */
  readonly domain: string;
  /** The app's own CA in PEM: nothing else is trusted. */
  readonly ca: string;
  /** Where the public door does not open to us: makes the connection in place of TCP to `host` and `port`. */
  readonly dial?: () => Promise<Duplex>;
  /** Pin of the public key that this app serves now: another one means that somebody stands in the middle. */
  readonly pin: string;
  /** HTTP proxy by which this machine reaches the public door, if it needs one. */
  readonly proxy?: HttpProxy | undefined;
}

const answerSchema = z.object({ nonce: z.string(), publicKey: z.string(), at: z.string() });
const timeoutMs = 5_000;
const maxAnswer = 4_096;

/**
 * One real request that enters by the public door: edge, tunnel, inner TLS and gateway must all work for it to succeed.
 * It carries no token and reaches no server (`design.md` §2, "Status is a call"). Never throws: the hop that failed is
 * in the answer.
 */
export async function probeOutside(target: ProbeTarget, clock: Clock): Promise<Probe> {
  const started = clock.monotonic();
  const from = target.dial ? { from: 'here' as const } : {};
  const failed = (hop: Hop, detail: string): Probe => {
    const ms = Math.round((clock.monotonic() - started) * 10) / 10;
    return { ok: false, at: timestamp(clock), ms, hop, detail, ...from };
  };
  let raw: Duplex | undefined;
  try {
    if (target.dial) raw = await target.dial();
    else if (target.proxy) raw = await connectThroughProxy(target.proxy, target);
  } catch (thrown) {
    if (target.dial) return failed('tunnel', 'The listener of this machine does not answer.');
    return failed('edge', asSallyportError(thrown, 'edge').message);
  }
  raw?.on('error', () => {});
  const probe = await enter(target, clock, started, raw);
  raw?.destroy();
  return { ...probe, ...from };
}

function enter(target: ProbeTarget, clock: Clock, started: number, raw: Duplex | undefined): Promise<Probe> {
  const nonce = randomBytes(16).toString('hex');
  const ours = target.pin;
  let connected = raw !== undefined;
  let secure = false;
  return new Promise((resolve) => {
    const finish = (hop?: Hop, detail?: string): void => {
      resolve({
        ok: hop === undefined,
        at: timestamp(clock),
        ms: Math.round((clock.monotonic() - started) * 10) / 10,
        ...(hop ? { hop } : {}),
        ...(detail ? { detail } : {}),
      });
    };
    const outgoing = request({
      host: target.host,
      port: target.port,
      path: `/.well-known/sallyport-probe?nonce=${nonce}`,
      headers: { host: `${target.domain}:${target.port}` },
      ca: target.ca,
      ...(isIP(target.domain) ? {} : { servername: target.domain }),
      agent: raw ? agentOver(raw, target) : false,
      timeout: timeoutMs,
    });
    outgoing.on('socket', (socket) => {
      socket.once('connect', () => {
        connected = true;
      });
      socket.once('secureConnect', () => {
        secure = true;
      });
    });
    outgoing.on('timeout', () => outgoing.destroy(new Error(`no answer within ${timeoutMs / 1_000} s`)));
    outgoing.on('error', (error: NodeJS.ErrnoException) => {
      finish(...blame(error, connected, secure));
    });
    outgoing.on('response', (response) => {
      const met = (response.socket as TLSSocket).getPeerX509Certificate?.();
      const key = met && publicKeyPin(met);
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        body += chunk;
        if (body.length > maxAnswer) response.destroy(new Error('the answer is too long'));
      });
      response.on('error', (error) => finish('gateway', error.message));
      response.on('end', () => {
        if (key !== ours) finish('inner-tls', 'Another key answered than the one that this machine holds.');
        else if (response.statusCode !== 200) finish('gateway', `The gateway answered ${response.statusCode}.`);
        else finish(...judge(body, nonce, ours));
      });
    });
    outgoing.end();
  });
}

/** Makes the one connection of this probe over a stream that is there already. */
function agentOver(raw: Duplex, target: ProbeTarget): Agent {
  const agent = new Agent({ keepAlive: false });
  agent.createConnection = () => connect({ socket: raw, ca: target.ca, servername: target.domain });
  return agent;
}

function judge(body: string, nonce: string, ours: string): [Hop?, string?] {
  try {
    const answer = answerSchema.parse(JSON.parse(body));
    if (answer.nonce !== nonce) return ['gateway', 'The answer belongs to another probe.'];
    if (answer.publicKey !== ours) return ['inner-tls', 'The gateway serves under another key.'];
    return [];
  } catch {
    return ['gateway', 'The answer is not the gateway’s.'];
  }
}

function blame(error: NodeJS.ErrnoException, connected: boolean, secure: boolean): [Hop, string] {
  if (!connected) return ['edge', `The edge does not answer (${error.code ?? error.message}).`];
  if (secure) return ['gateway', `The gateway did not answer (${error.message}).`];
  const code = error.code ?? '';
  if (/CERT|SIGNATURE|ALTNAME|ISSUER/.test(code)) return ['inner-tls', `The certificate met is not ours (${code}).`];
  return ['tunnel', `The edge has no way to this machine (${code || error.message}).`];
}
