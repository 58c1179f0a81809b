import { createHash, randomBytes } from 'node:crypto';
import { type Clock, timestamp } from '../../../shared/clock.ts';
import { SallyportError } from '../../../shared/errors.ts';
import type { Authority } from '../pki/authority.ts';
import { isDnsName } from '../pki/certificate-names.ts';
import { type IssuedCertificate, issueClientCertificate } from '../pki/issue-certificate.ts';
import { type EdgeAuthorities, lasting } from './edge-authorities.ts';
import { type ClientRecord, type EdgeStore, installationOf } from './edge-store.ts';
import { agentLabel } from './protocol.ts';

/** Life of an invite, in milliseconds. */
export const inviteLifetimeMs = 15 * 60_000;

/** Invites that may be open at once. */
export const maxInvites = 1_000;

/** Life of a client certificate, in milliseconds. Connectors renew at two thirds of it: two months may pass switched off. */
export const clientLifetimeMs = 180 * 86_400_000;

/** Certificates that one installation may have good at once: the one in use, its successor, and one that got lost on the way. */
const maxGoodPerInstallation = 3;

/** What enrolment works with. */
export interface EnrolmentDeps {
  readonly store: EdgeStore;
  /** Asked at each signature: they change. */
  readonly authorities: () => EdgeAuthorities;
  readonly clock: Clock;
  /** The edge's own name: tunnels are one label below it unless a whole domain is given. */
  readonly edgeName: string;
  /** Called with the domain after each enrolment. */
  readonly onEnrolled?: (domain: string) => void;
}

/** Answer to an enrolment. */
export interface Enrolled {
  readonly domain: string;
  readonly certificate: string;
  readonly ca: string;
  readonly serial: string;
  readonly notAfter: string;
}

/** How strangers become connectors, and agents get their certificates (`security.md` S5). */
export interface Enrolment {
  /**
   * Makes a single-use invite for one domain.
   * @param wanted `name` is a label below the edge's name, or a domain if it has a dot; `domain` is one in any case;
   *   with neither, a random label
   * @throws SallyportError `bad_tunnel_name`, `too_many_invites`
   */
  invite(wanted?: {
    readonly name?: string;
    readonly domain?: string;
  }): Promise<{ token: string; domain: string; expiresAt: string }>;
  /**
   * Turns a token and a certificate request into a client certificate. The token is spent even if what follows fails.
   * @throws SallyportError `invite_invalid` (unknown, used or expired, the same words for all), `csr_invalid`
   */
  enrol(token: string, csr: string): Promise<Enrolled>;
  /**
   * Signs the next certificate of an installation whose present one is good; the present one stays good until it ends.
   * @param client the record of the certificate that asks, proved by mutual TLS
   * @param wanted pin of the authority that is to sign; default the active one
   * @throws SallyportError `csr_invalid`, `bad_request`, `renewal_refused` (no connector's certificate, or renewed too often)
   */
  renew(client: ClientRecord, csr: string, wanted?: string): Promise<Enrolled>;
  /** Signs a certificate for the agent door. @throws SallyportError `bad_agent_name`, `agent_exists`, `csr_invalid` */
  addAgent(name: string, csr: string): Promise<IssuedCertificate>;
}

/** See {@link Enrolment}. */
export function createEnrolment(deps: EnrolmentDeps): Enrolment {
  const { store, clock } = deps;

  async function sign(
    authority: Authority,
    kind: 'connector' | 'agent',
    name: string,
    csr: string,
    installation?: string,
  ): Promise<IssuedCertificate> {
    const issued = await issueClientCertificate({
      authority,
      csr,
      commonName: name,
      now: clock.now(),
      lifetimeMs: clientLifetimeMs,
    });
    // Stored before anyone holds it: a certificate that the edge does not know is refused.
    await store.addClient({
      serial: issued.serialNumber,
      kind,
      name,
      authority: authority.pin,
      ...(installation ? { installation } : {}),
      createdAt: timestamp(clock),
      notAfter: issued.notAfter.toISOString(),
    });
    return issued;
  }

  const enrolled = (authority: Authority, domain: string, issued: IssuedCertificate): Enrolled => ({
    domain,
    certificate: issued.pem,
    ca: authority.pem,
    serial: issued.serialNumber,
    notAfter: issued.notAfter.toISOString(),
  });

  return {
    async invite(wanted = {}) {
      const domain = tunnelDomain(wanted, deps.edgeName);
      let open = 0;
      for (const invite of await store.invites()) {
        if (Date.parse(invite.expiresAt) > clock.now()) open += 1;
        else await store.takeInvite(invite.tokenHash);
      }
      if (open >= maxInvites) {
        throw new SallyportError('too_many_invites', 'edge', `${maxInvites} invites are open already.`, {
          hint: 'Wait until some expire; each lives 15 minutes.',
        });
      }
      const token = randomBytes(32).toString('base64url');
      const expiresAt = new Date(clock.now() + inviteLifetimeMs).toISOString();
      await store.addInvite({ tokenHash: hashToken(token), domain, createdAt: timestamp(clock), expiresAt });
      return { token, domain, expiresAt };
    },

    async enrol(token, csr) {
      const invite = await store.takeInvite(hashToken(token));
      if (!invite || Date.parse(invite.expiresAt) <= clock.now()) {
        throw new SallyportError('invite_invalid', 'edge', 'The edge does not accept this join line.', {
          hint: 'Each works once and for 15 minutes: print a new one with "sallyport edge invite".',
        });
      }
      // The join line names the active one: who joins learns of another by asking.
      const { active } = deps.authorities();
      const issued = await sign(active, 'connector', invite.domain, csr);
      deps.onEnrolled?.(invite.domain);
      return enrolled(active, invite.domain, issued);
    },

    async renew(client, csr, wanted) {
      const { active, next } = deps.authorities();
      const authority = wanted === undefined ? active : [active, next].find((one) => one?.pin === wanted);
      if (!authority) throw new SallyportError('bad_request', 'edge', 'No authority of the edge has that key.');
      const installation = installationOf(client);
      const good = (await store.clients()).filter(
        (other) =>
          installationOf(other) === installation && !other.revokedAt && Date.parse(other.notAfter) > clock.now(),
      );
      const known = good.some((other) => other.serial === client.serial && other.kind === 'connector');
      if (!known || good.length >= maxGoodPerInstallation) {
        throw new SallyportError('renewal_refused', 'edge', 'The edge does not renew this certificate.', {
          hint: 'Ask for a new join line, then join again.',
        });
      }
      return enrolled(authority, client.name, await sign(authority, 'connector', client.name, csr, installation));
    },

    async addAgent(name, csr) {
      if (!/^[a-z0-9][a-z0-9._-]{0,62}$/.test(name)) {
        throw new SallyportError('bad_agent_name', 'edge', 'An agent’s name is 1 to 63 of a-z, 0-9, ".", "_" and "-".');
      }
      const authority = lasting(deps.authorities());
      // During a change of the authority an agent gets a second one, to change over.
      const taken = (await store.clients()).some(
        (client) =>
          client.kind === 'agent' &&
          client.name === name &&
          !client.revokedAt &&
          (client.authority ?? authority.pin) === authority.pin,
      );
      if (taken) {
        throw new SallyportError('agent_exists', 'edge', `An agent named ${name} has a certificate already.`, {
          hint: 'Revoke it first ("sallyport edge list" shows its id), or choose another name.',
        });
      }
      return sign(authority, 'agent', name, csr);
    },
  };
}

/** SHA-256 of a token, hex. Tokens have 256 random bits, so a plain hash keeps them; looking it up leaks no timing. */
function hashToken(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}

/** Eight letters and digits, about 41 bits: not guessable in passing, short enough to type. */
function randomLabel(): string {
  const alphabet = 'abcdefghijkmnpqrstuvwxyz23456789';
  return Array.from(randomBytes(8), (byte) => alphabet[byte % 32]).join('');
}

function tunnelDomain(wanted: { readonly name?: string; readonly domain?: string }, edgeName: string): string {
  const name = wanted.name ?? randomLabel();
  const domain = (wanted.domain ?? (name.includes('.') ? name : `${name}.${edgeName}`)).toLowerCase();
  const reserved = domain === edgeName || domain === `${agentLabel}.${edgeName}`;
  if (!isDnsName(domain) || reserved) {
    throw new SallyportError('bad_tunnel_name', 'edge', 'This cannot be the name of a tunnel.', {
      hint: `Use letters, digits and "-" for a name below ${edgeName}, or a whole domain; "${agentLabel}" is taken.`,
    });
  }
  return domain;
}
