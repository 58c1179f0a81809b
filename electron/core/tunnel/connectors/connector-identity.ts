import { X509Certificate } from 'node:crypto';
import type { Clock } from '../../../shared/clock.ts';
import { asSallyportError, type SallyportError } from '../../../shared/errors.ts';

/** A client certificate with its private key, both PEM. */
export interface ClientCertificate {
  readonly certificate: string;
  /** PKCS#8. A secret. */
  readonly key: string;
}

/** The client certificate by which an edge knows this installation, renewed in time. */
export interface ConnectorIdentity {
  current(): ClientCertificate;
  /** Ends the renewal. */
  close(): void;
}

/** What {@link createConnectorIdentity} needs. */
export interface ConnectorIdentityDeps {
  readonly first: ClientCertificate;
  readonly clock: Clock;
  /** Gets the next certificate from the edge, with the present one as proof. */
  readonly renew: (present: ClientCertificate) => Promise<ClientCertificate>;
  /** Asks whether the next certificate is wanted before its time; asked at the start and every 12 hours. */
  readonly due?: () => Promise<boolean>;
  /** Keeps the next certificate for good; it is used once this has resolved. */
  readonly store: (next: ClientCertificate) => Promise<void>;
  /** The certificate changed: connections should move over to it. */
  readonly onRenewed: () => void;
  /** A renewal failed. The present certificate stays, and another try follows. */
  readonly onTrouble: (error: SallyportError) => void;
}

/** Age is looked at this often at least, in milliseconds: timers sleep with the machine. */
const lookEveryMs = 12 * 3_600_000;
/** After a failure; a renewal has weeks to succeed in. */
const retryMs = 2 * 3_600_000;

/** Renews a client certificate at two thirds of its life, or when the edge wants one of another authority. */
export function createConnectorIdentity(deps: ConnectorIdentityDeps): ConnectorIdentity {
  const { clock } = deps;
  let current = deps.first;
  let closed = false;
  let cancel = (): void => {};

  const renewAt = (): number => {
    const { validFromDate: from, validToDate: to } = new X509Certificate(current.certificate);
    return from.getTime() + ((to.getTime() - from.getTime()) * 2) / 3;
  };
  const renew = async (): Promise<void> => {
    const next = await deps.renew(current);
    await deps.store(next);
    if (closed) return;
    current = next;
    deps.onRenewed();
  };
  const step = async (): Promise<void> => {
    const wanted = renewAt() <= clock.now() || ((await deps.due?.()) ?? false);
    if (wanted && !closed) await renew();
  };
  const watch = (waitMs: number): void => {
    if (closed) return;
    cancel = clock.schedule(waitMs, () => {
      if (!deps.due && renewAt() > clock.now()) return watch(untilRenewal());
      step().then(
        () => watch(untilRenewal()),
        (error: unknown) => {
          if (!closed) deps.onTrouble(asSallyportError(error, 'edge'));
          watch(retryMs);
        },
      );
    });
  };
  const untilRenewal = (): number => Math.min(lookEveryMs, Math.max(0, renewAt() - clock.now()));
  watch(deps.due ? 0 : untilRenewal());

  return {
    current: () => current,
    close() {
      closed = true;
      cancel();
    },
  };
}
