import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { authorityKeyNames } from '../tunnel/pki/authority-store.ts';
import { publicKeyPin } from '../tunnel/pki/fingerprint.ts';
import { bad, type Check, good } from './check.ts';
import { plain, words } from './words.ts';

/** A clock is called wrong when a certificate of ours is from further in the future than this, in milliseconds. */
const future = 5 * 60_000;

/** What is known of the certificates of one domain. */
export interface CertificateFacts {
  readonly folder: string;
  readonly domain: string;
  /** Wall time, milliseconds since the epoch. */
  readonly now: number;
  /** Names of the secrets that are there. */
  readonly secrets: ReadonlySet<string>;
}

/** The authority that agents trust and the certificate served: there, in their time, one signed by the other, keys there. */
export async function checkCertificates(facts: CertificateFacts): Promise<Check> {
  const { folder, domain, now, secrets } = facts;
  const ca = await readCertificate(join(folder, `${domain}.ca.pem`));
  const server = await readCertificate(join(folder, `${domain}.server.pem`));
  const failed = (detail: ReturnType<typeof words>, fix = words`Restart Sallyport: it makes a new one.`): Check =>
    bad('certificates', 'inner-tls', detail, fix);
  if (ca === 'missing' && server === 'missing') {
    return good('certificates', 'inner-tls', words`There are none yet: they are made at the first start.`);
  }
  const restore = words`Put the pki folder back from a backup; agents trust this authority alone.`;
  if (ca === 'missing' || ca === 'damaged') {
    return failed(words`The authority’s certificate is ${plain(ca)}.`, restore);
  }
  if (!authorityKeyNames(domain, publicKeyPin(ca)).some((name) => secrets.has(name))) {
    return failed(
      words`The authority’s key is not among the secrets.`,
      words`Restore the secrets of this data folder.`,
    );
  }
  if (ca.validFromDate.getTime() > now + future) return failed(words`The authority is not yet valid.`, clockFix);
  if (ca.validToDate.getTime() < now) {
    return failed(words`The authority ended on ${day(ca)}.`, words`A new one is needed, which agents must trust anew.`);
  }
  if (server === 'missing' || server === 'damaged') return failed(words`The server’s certificate is ${plain(server)}.`);
  if (!server.verify(ca.publicKey)) return failed(words`The certificate served is not of our authority.`);
  if (server.validFromDate.getTime() > now + future) return failed(words`The certificate is not yet valid.`, clockFix);
  if (server.validToDate.getTime() < now) return failed(words`The certificate ended on ${day(server)}.`);
  if (!secrets.has(`pki:${domain}:server-key:${publicKeyPin(server)}`)) {
    return failed(words`The key of the certificate served is not among the secrets.`);
  }
  return good('certificates', 'inner-tls', words`Good until ${day(server)}, the authority until ${day(ca)}.`);
}

/** The client certificate by which an edge knows this machine. */
export async function checkConnectorCertificate(facts: CertificateFacts): Promise<Check> {
  const { folder, domain, now, secrets } = facts;
  const certificate = await readCertificate(join(folder, `${domain}.connector.pem`));
  const rejoin = words`Join the edge again: sallyport edge invite there, sallyport tunnel use edge here.`;
  const failed = (detail: ReturnType<typeof words>, fix = rejoin): Check =>
    bad('edge-membership', 'tunnel', detail, fix);
  if (typeof certificate === 'string') return failed(words`The certificate for the edge is ${plain(certificate)}.`);
  if (!secrets.has(`edge:${domain}:connector-key:${publicKeyPin(certificate)}`)) {
    return failed(words`The key for the edge is not among the secrets.`);
  }
  if (certificate.validFromDate.getTime() > now + future) {
    return failed(words`The certificate for the edge is not yet valid.`, clockFix);
  }
  if (certificate.validToDate.getTime() < now) return failed(words`It ended on ${day(certificate)}.`);
  return good('edge-membership', 'tunnel', words`Good until ${day(certificate)}; renewed by itself.`);
}

const clockFix = words`Set this machine’s clock right.`;

function day(certificate: X509Certificate): ReturnType<typeof plain> {
  return plain(certificate.validToDate.toISOString().slice(0, 10));
}

async function readCertificate(path: string): Promise<X509Certificate | 'missing' | 'damaged'> {
  try {
    return new X509Certificate(await readFile(path));
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'missing' : 'damaged';
  }
}
