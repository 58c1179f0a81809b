import { X509Certificate } from 'node:crypto';
import { request } from 'node:http';
import type { TLSSocket } from 'node:tls';
import * as z from 'zod';
import { asSallyportError, errorShape, SallyportError } from '../../../shared/errors.ts';
import { parseJoinLine } from '../edge/join-line.ts';
import { authorityPath, enrolPath, renewPath } from '../edge/protocol.ts';
import { createCsr } from '../pki/certificate-request.ts';
import { privateKeyPin, publicKeyPin } from '../pki/fingerprint.ts';
import type { ClientCertificate } from './connector-identity.ts';
import { dialEdge, type EdgeAddress, fetchPinnedCa, serverNameOf, type Transport } from './edge-dialer.ts';
import type { Network } from './network.ts';

/** What joining an edge gave. The key belongs in secrets; the rest is no secret. */
export interface JoinedEdge {
  readonly host: string;
  readonly port: number;
  /** Pin of the edge CA's public key. */
  readonly caPin: string;
  /** The tunnel's domain. */
  readonly domain: string;
  /** Client certificate, PEM. */
  readonly certificate: string;
  /** Its private key, PKCS#8 PEM; it was made here and never left. */
  readonly key: string;
  /** The edge's CA, PEM. */
  readonly ca: string;
  /** When the certificate ends, RFC 3339 UTC. */
  readonly notAfter: string;
}

/** How to join. */
export interface JoinOptions {
  /** CAs in PEM for the outer TLS of the WebSocket, besides the system's. */
  readonly carrierCa?: string;
  /** HTTP proxy for an address, where there is one. */
  readonly proxyFor?: Network['proxyFor'];
  /** Time for each attempt in milliseconds, default 10 s. */
  readonly timeoutMs?: number;
}

const answerSchema = z.object({
  domain: z.string().regex(/^[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*$/),
  certificate: z.string().max(16_384),
  ca: z.string().max(16_384),
  notAfter: z.iso.datetime(),
});
const refusalSchema = z.object({ error: errorShape });
const maxAnswer = 65_536;

/**
 * Redeems a join line: meets the edge, checks its key against the line's, sends a certificate request and checks what came
 * back. Goes through a WebSocket where raw TLS does not get through.
 * @throws SallyportError at hop `edge`: `bad_join_line`, `edge_unreachable`, `edge_blocked`, `edge_untrusted`,
 *   what the edge answered (`invite_invalid`, `too_many_requests`), `edge_answer_invalid`
 */
export async function joinEdge(joinLine: string, options: JoinOptions = {}): Promise<JoinedEdge> {
  const { token, ...address } = parseJoinLine(joinLine);
  const proxy = options.proxyFor?.(address);
  const { csrPem, keyPem } = await createCsr();
  const { socket, ca } = await eitherWay(meet);
  const answer = await exchange(socket, address, 'POST', enrolPath, answerSchema, { token, csr: csrPem });
  checkAnswer(answer, keyPem, address.caPin, [address.caPin]);
  return {
    ...address,
    domain: answer.domain,
    certificate: answer.certificate,
    key: keyPem,
    ca,
    notAfter: answer.notAfter,
  };

  async function meet(transport: Transport): Promise<{ socket: TLSSocket; ca: string }> {
    const dial = {
      address,
      transport,
      alpn: 'http/1.1',
      timeoutMs: options.timeoutMs ?? 10_000,
      ...(options.carrierCa ? { carrierCa: options.carrierCa } : {}),
      ...(proxy ? { proxy } : {}),
    };
    const ca = await fetchPinnedCa(dial);
    return { socket: await dialEdge({ ...dial, ca }), ca };
  }
}

/** What {@link renewAtEdge} needs besides how to get out. */
export interface RenewOptions extends JoinOptions {
  readonly address: EdgeAddress;
  /** The edge's CA, PEM; during a change of it two. */
  readonly ca: string;
  /** The present certificate, which proves who asks. */
  readonly present: ClientCertificate;
  /** Pin of the authority of the edge that is to sign; default the one it shows. */
  readonly authority?: string;
}

/**
 * Gets the next client certificate from an edge, for a new key that is made here.
 * @throws SallyportError at hop `edge`: as {@link joinEdge}, and `certificate_needed`, `renewal_refused`
 */
export async function renewAtEdge(options: RenewOptions): Promise<ClientCertificate> {
  const { address, authority } = options;
  const { csrPem, keyPem } = await createCsr();
  const socket = await dialHttps(options);
  const body = { csr: csrPem, ...(authority === undefined ? {} : { authority }) };
  const answer = await exchange(socket, address, 'POST', renewPath, answerSchema, body);
  checkAnswer(answer, keyPem, authority ?? publicKeyPin(answer.ca), [address.caPin, ...(address.caPins ?? [])]);
  return { certificate: answer.certificate, key: keyPem };
}

/** What an edge says of its authorities. */
export interface EdgeTrust {
  /** All that it trusts and may show, PEM. */
  readonly trusted: readonly string[];
  /** Pin of the one that certificates are to be from. */
  readonly signs: string;
}

const trustSchema = z.object({ trusted: z.array(z.string().max(16_384)).min(1).max(3), signs: z.string().max(100) });

/**
 * Asks an edge by which authorities it is to be known from now on. The connection is vouched for by one that is trusted already.
 * @throws SallyportError at hop `edge`: as {@link joinEdge}
 */
export async function askTrust(options: RenewOptions): Promise<EdgeTrust> {
  const answer = await exchange(await dialHttps(options), options.address, 'GET', authorityPath, trustSchema);
  try {
    if (answer.trusted.some((pem) => publicKeyPin(pem) === answer.signs)) return answer;
  } catch {
    // falls through to the one refusal
  }
  throw invalid('its authorities cannot be read');
}

/** The edge's own HTTPS, with the present certificate. */
function dialHttps({ address, ca, present, timeoutMs, carrierCa, proxyFor }: RenewOptions): Promise<TLSSocket> {
  const proxy = proxyFor?.(address);
  return eitherWay((transport) =>
    dialEdge({
      address,
      transport,
      alpn: 'http/1.1',
      ca,
      client: present,
      timeoutMs: timeoutMs ?? 10_000,
      ...(carrierCa ? { carrierCa } : {}),
      ...(proxy ? { proxy } : {}),
    }),
  );
}

/** First raw TLS; the WebSocket where that does not get through. */
async function eitherWay<T>(attempt: (transport: Transport) => Promise<T>): Promise<T> {
  return attempt('tls').catch(async (error: unknown) => {
    const first = asSallyportError(error, 'edge');
    if (first.code !== 'edge_blocked' && first.code !== 'edge_untrusted') throw first;
    return attempt('websocket').catch(() => {
      throw first;
    });
  });
}

function checkAnswer(
  answer: z.infer<typeof answerSchema>,
  key: string,
  caPin: string,
  pinned: readonly string[],
): void {
  try {
    const certificate = new X509Certificate(answer.certificate);
    const ca = new X509Certificate(answer.ca);
    const good =
      publicKeyPin(ca) === caPin &&
      pinned.includes(caPin) &&
      certificate.verify(ca.publicKey) &&
      publicKeyPin(certificate) === privateKeyPin(key);
    if (good) return;
  } catch {
    // falls through to the one refusal
  }
  throw invalid('its certificate is not for our key');
}

function invalid(why: string): SallyportError {
  return new SallyportError('edge_answer_invalid', 'edge', `The edge answered the enrolment wrongly: ${why}.`, {
    hint: 'Edge and app may be of different versions.',
  });
}

function exchange<Answer>(
  socket: TLSSocket,
  address: EdgeAddress,
  method: 'GET' | 'POST',
  path: string,
  schema: z.ZodType<Answer>,
  document?: object,
): Promise<Answer> {
  const body = document === undefined ? '' : JSON.stringify(document);
  return new Promise((resolve, reject) => {
    const outgoing = request({
      createConnection: () => socket,
      method,
      path,
      headers: {
        host: serverNameOf(address.host),
        ...(document === undefined
          ? {}
          : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
      },
      timeout: 15_000,
    });
    outgoing.on('timeout', () => outgoing.destroy(new Error('no answer within 15 s')));
    outgoing.on('error', (error) => reject(invalid(error.message)));
    outgoing.on('response', (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
        if (text.length > maxAnswer) response.destroy(new Error('it is too long'));
      });
      response.on('error', (error) => reject(invalid(error.message)));
      response.on('end', () => {
        socket.destroy();
        try {
          resolve(readAnswer(response.statusCode ?? 0, text, schema));
        } catch (error) {
          reject(error);
        }
      });
    });
    outgoing.end(body);
  });
}

function readAnswer<Answer>(status: number, text: string, schema: z.ZodType<Answer>): Answer {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    throw invalid(`status ${status} without JSON`);
  }
  if (status === 200) {
    const answer = schema.safeParse(body);
    if (!answer.success) throw invalid('fields are missing');
    return answer.data;
  }
  const refusal = refusalSchema.safeParse(body);
  if (!refusal.success) throw invalid(`status ${status}`);
  throw SallyportError.fromShape({ ...refusal.data.error, hop: 'edge' });
}
