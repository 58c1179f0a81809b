import { randomBytes, type X509Certificate } from 'node:crypto';
import { Agent, request } from 'node:https';
import { isIP } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect, type TLSSocket } from 'node:tls';
import * as z from 'zod';
import { type Clock, timestamp } from '../../shared/clock.ts';
import { asSallyportError } from '../../shared/errors.ts';
import type { Hop } from '../../shared/hop.ts';
import type { probeView } from '../../shared/views.ts';
import { visibleText } from '../../shared/visible-text.ts';
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
  /** CAs in PEM that agents trust for what is served here: the app's own, or those of the public. */
  readonly ca: string | readonly string[];
  /** Where the public door does not open to us: makes the connection in place of TCP to `host` and `port`. */
  readonly dial?: () => Promise<Duplex>;
  /**
   * Pins of the public keys that this app serves under now, or did when the probe began: another one means that somebody stands in
   * the middle.
   */
  readonly pins: () => readonly string[];
  /** What stands between the public door and this machine, in words; default the edge. */
  readonly middle?: Middle;
  /** HTTP proxy by which this machine reaches the public door, if it needs one. */
  readonly proxy?: HttpProxy | undefined;
}

/** How what lies in the middle is spoken of where a probe fails. */
export interface Middle {
  /** For instance `The edge`. */
  readonly name: string;
  /** What to do where it has no way to this machine, if that is not mended by itself. */
  readonly behind?: string;
  /** What to do where it ends TLS. */
  readonly reads?: string;
}

const edgeMiddle: Middle = { name: 'The edge' };

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
  const ours = target.pins;
  let connected = raw !== undefined;
  let foreign: string | undefined;
  let doubt: string | undefined;
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
      ca: typeof target.ca === 'string' ? target.ca : [...target.ca],
      // Who answers is known by its key, and the chain is looked at as well, below: so that a failure can say which it was.
      rejectUnauthorized: false,
      ...(isIP(target.domain) ? {} : { servername: target.domain }),
      agent: raw ? agentOver(raw, target) : false,
      timeout: timeoutMs,
    });
    outgoing.on('socket', (socket) => {
      socket.once('connect', () => {
        connected = true;
      });
      socket.once('secureConnect', () => {
        const met = (socket as TLSSocket).getPeerX509Certificate();
        const { authorized, authorizationError } = socket as TLSSocket;
        if (met && !ours().includes(publicKeyPin(met))) foreign = issuerOf(met);
        else if (!authorized) doubt = String(authorizationError);
        if (foreign !== undefined || doubt !== undefined) outgoing.destroy();
        else secure = true;
      });
    });
    outgoing.on('timeout', () => outgoing.destroy(new Error(`no answer within ${timeoutMs / 1_000} s`)));
    outgoing.on('error', (error: NodeJS.ErrnoException) => {
      if (foreign !== undefined) finish('inner-tls', foreignWords(foreign, target.middle));
      else if (doubt !== undefined) finish('inner-tls', `Our certificate is not accepted (${doubt}).`);
      else finish(...blame(error, connected, secure, target.middle));
    });
    outgoing.on('response', (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        body += chunk;
        if (body.length > maxAnswer) response.destroy(new Error('the answer is too long'));
      });
      response.on('error', (error) => finish('gateway', error.message));
      response.on('end', () => {
        if (response.statusCode !== 200) finish('gateway', `The gateway answered ${response.statusCode}.`);
        else finish(...judge(body, nonce, ours));
      });
    });
    outgoing.end();
  });
}

/**
 * Whether somebody answers at the public door with another key than ours under a certificate that the public trusts for this name:
 * one that was forged or got by whoever controls the name (`security.md` S3). A portal or inspecting proxy on this side has none.
 * @param roots CAs in PEM that the public trusts
 */
export async function meetsForged(target: ProbeTarget, roots: readonly string[]): Promise<boolean> {
  let raw: Duplex | undefined;
  try {
    if (target.proxy) raw = await connectThroughProxy(target.proxy, target);
  } catch {
    return false;
  }
  return await new Promise((resolve) => {
    const socket = connect({
      ...(raw ? { socket: raw } : { host: target.host, port: target.port }),
      ca: [...roots],
      servername: target.domain,
    });
    const timer = setTimeout(() => finish(false), timeoutMs);
    const finish = (forged: boolean): void => {
      clearTimeout(timer);
      socket.destroy();
      raw?.destroy();
      resolve(forged);
    };
    socket.on('error', () => finish(false));
    socket.once('close', () => finish(false));
    socket.once('secureConnect', () => {
      const met = socket.getPeerX509Certificate();
      finish(met !== undefined && !target.pins().includes(publicKeyPin(met)));
    });
  });
}

/** Makes the one connection of this probe over a stream that is there already. */
function agentOver(raw: Duplex, target: ProbeTarget): Agent {
  const agent = new Agent({ keepAlive: false });
  agent.createConnection = () =>
    connect({
      socket: raw,
      ca: typeof target.ca === 'string' ? target.ca : [...target.ca],
      servername: target.domain,
      rejectUnauthorized: false,
    });
  return agent;
}

function judge(body: string, nonce: string, ours: () => readonly string[]): [Hop?, string?] {
  try {
    const answer = answerSchema.parse(JSON.parse(body));
    if (answer.nonce !== nonce) return ['gateway', 'The answer belongs to another probe.'];
    if (!ours().includes(answer.publicKey)) return ['inner-tls', 'The gateway serves under another key.'];
    return [];
  } catch {
    return ['gateway', 'The answer is not the gateway’s.'];
  }
}

function blame(
  error: NodeJS.ErrnoException,
  connected: boolean,
  secure: boolean,
  middle: Middle = edgeMiddle,
): [Hop, string] {
  if (!connected) return ['edge', `${middle.name} does not answer (${error.code ?? error.message}).`];
  if (secure) return ['gateway', `The gateway did not answer (${error.message}).`];
  const code = error.code ?? '';
  const why = error.code === 'ERR_SSL_WRONG_VERSION_NUMBER' ? 'what answers is not TLS' : code || error.message;
  const advice = middle.behind === undefined ? '' : ` ${middle.behind}`;
  return ['tunnel', `${middle.name} has no way to this machine (${why}).${advice}`];
}

/** Who vouches for a certificate, by its own words: made visible, never trusted. */
function issuerOf(certificate: X509Certificate): string {
  const names = certificate.issuer.split('\n');
  const name = names.find((one) => one.startsWith('O=')) ?? names.find((one) => one.startsWith('CN=')) ?? '';
  return visibleText(name.replace(/^[A-Z]+=/, ''), { max: 80 });
}

function foreignWords(issuer: string, middle: Middle = edgeMiddle): string {
  const advice = middle.reads === undefined ? '' : ` ${middle.reads}`;
  return `Another key answered than the one that this machine holds; ${issuer || 'nobody'} vouches for it.${advice}`;
}
