import type { Clock } from '../../../shared/clock.ts';
import { issueServerCertificate } from '../pki/issue-certificate.ts';
import { type EdgeAuthorities, trustedBy } from './edge-authorities.ts';
import { agentLabel, edgeAlias } from './protocol.ts';

/** The edge's own certificate, fresh at any time it is read. */
export interface ServerIdentity {
  /** Leaf and CA as one PEM chain: the CA is sent along, so that a connector can find the pinned key in it. */
  readonly certificate: string;
  readonly key: string;
  /** The CAs alone, PEM: what client certificates are checked against. */
  readonly ca: string;
}

/** A certificate is replaced when less than this is left of it, in milliseconds. */
const renewBeforeMs = 30 * 86_400_000;

/** How often its age is looked at, in milliseconds. */
const checkEveryMs = 12 * 3_600_000;

/** Every name that the edge answers to itself: its own, the alias, and the agent door below both. */
export function edgeNames(name: string): readonly string[] {
  return [...new Set([name, edgeAlias, `${agentLabel}.${name}`, `${agentLabel}.${edgeAlias}`])];
}

/**
 * Issues the edge's server certificate and replaces it before it ends. It is made anew at each start and never stored.
 * @returns the identity, a function that issues it anew at once, and one that ends the renewal
 */
export async function createServerIdentity(
  authorities: () => EdgeAuthorities,
  name: string,
  clock: Clock,
  onError: (error: unknown) => void,
): Promise<{ identity: ServerIdentity; renew: () => Promise<void>; stop: () => void }> {
  const issue = async () => {
    const { active } = authorities();
    const made = await issueServerCertificate({ authority: active, hosts: edgeNames(name), now: clock.now() });
    return { ...made, chain: `${made.pem}${active.pem}` };
  };
  let issued = await issue();
  let cancel: () => void = () => undefined;
  let stopped = false;
  const check = async (): Promise<void> => {
    if (issued.notAfter.getTime() - clock.now() < renewBeforeMs) issued = await issue();
  };
  const arm = (): void => {
    if (stopped) return;
    cancel = clock.schedule(checkEveryMs, () => {
      check().catch(onError).finally(arm);
    });
  };
  arm();
  return {
    identity: {
      get certificate() {
        return issued.chain;
      },
      get key() {
        return issued.keyPem;
      },
      get ca() {
        return trustedBy(authorities()).join('');
      },
    },
    async renew() {
      issued = await issue();
    },
    stop() {
      stopped = true;
      cancel();
    },
  };
}
