import { X509Certificate } from 'node:crypto';
import type { Settings } from '../../settings/settings.ts';
import { writeDurably } from '../../state/durable-file.ts';
import { certificatesOf } from '../pki/certificate-bundle.ts';
import { publicKeyPin } from '../pki/fingerprint.ts';
import type { EdgeAddress } from './edge-dialer.ts';
import { askTrust, type RenewOptions } from './enrol.ts';

/** By which authorities an edge is known: the one of the join line, and what the edge told since, each vouched for by one before. */
export interface EdgeTrust {
  address(): EdgeAddress;
  /** All that are trusted, PEM. */
  ca(): string;
  /** Which authority is to sign the next certificate, as far as the edge said. */
  signs(): { readonly authority?: string };
  /** Asks the edge, keeps what it says, and answers whether a certificate of another authority is wanted. */
  look(options: RenewOptions): Promise<boolean>;
}

/** Makes it from what settings and `<domain>.edge-ca.pem` hold. */
export function createEdgeTrust(deps: {
  readonly settings: Settings;
  readonly domain: string;
  /** File of the authorities, PEM. */
  readonly path: string;
  /** What is in it. */
  readonly ca: string;
}): EdgeTrust {
  const { settings } = deps;
  let ca = deps.ca;
  let signs: string | undefined;

  const address = (): EdgeAddress => {
    const { edge } = settings.get().tunnel;
    if (edge?.domain !== deps.domain) return { host: '', port: 0, caPin: '' };
    return addressOf(edge);
  };
  const setPins = (pins: readonly string[]): void => {
    const [caPin = '', ...caPins] = pins;
    settings.update((current) => {
      const { edge } = current.tunnel;
      if (edge?.domain !== deps.domain) return current;
      const { caPins: _before, ...rest } = edge;
      return {
        ...current,
        tunnel: { ...current.tunnel, edge: { ...rest, caPin, ...(caPins.length > 0 ? { caPins } : {}) } },
      };
    });
  };

  return {
    address,
    ca: () => ca,
    signs: () => (signs === undefined ? {} : { authority: signs }),
    async look(options) {
      const told = await askTrust(options);
      const known = certificatesOf(ca).map((one) => publicKeyPin(one));
      const named = told.trusted.map((pem) => publicKeyPin(pem));
      if ([...known].sort().join() !== [...named].sort().join()) {
        // In this order: whenever it breaks off, each authority in the file has its pin.
        setPins([...new Set([...known, ...named])]);
        ca = told.trusted.map((pem) => `${pem.trimEnd()}\n`).join('');
        await writeDurably(deps.path, ca, 0o644);
        setPins(named);
      }
      signs = told.signs;
      const signer = certificatesOf(ca).find((one) => publicKeyPin(one) === signs);
      const present = new X509Certificate(options.present.certificate);
      return signer !== undefined && !present.verify(signer.publicKey);
    },
  };
}

/** The address of an edge as settings keep it. */
export function addressOf(edge: {
  readonly host: string;
  readonly port: number;
  readonly caPin: string;
  readonly caPins?: readonly string[] | undefined;
}): EdgeAddress {
  const { host, port, caPin, caPins } = edge;
  return { host, port, caPin, ...(caPins ? { caPins } : {}) };
}
