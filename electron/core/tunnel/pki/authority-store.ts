import { X509Certificate } from 'node:crypto';
import { mkdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../../shared/clock.ts';
import { SallyportError } from '../../../shared/errors.ts';
import type { Secrets } from '../../secrets/secrets.ts';
import { writeDurably } from '../../state/durable-file.ts';
import { type Authority, createAuthority, loadAuthority } from './authority.ts';
import { certificateFingerprint, publicKeyPin } from './fingerprint.ts';

/** What an authority of the app is for just now. */
export type AuthorityRole = 'active' | 'next' | 'old';

/** An authority as people and agents get it. */
export interface AuthorityView {
  readonly pem: string;
  readonly fingerprint: string;
  /** RFC 3339 UTC. */
  readonly notAfter: string;
}

/**
 * A step of changing the authority while agents trust two of them: `begin` makes the next one, to be handed out; `switch` has it sign from
 * now on; `finish` lets go of the old one; `cancel` takes `begin` back.
 */
export type RotationStep = 'begin' | 'switch' | 'finish' | 'cancel';

/** The authorities of one domain: the one that signs, and during a change a second one. */
export interface AuthorityStore {
  active(): Authority;
  /** All that agents should trust, the one that signs first. */
  all(): readonly (AuthorityView & { readonly role: AuthorityRole })[];
  /** @throws SallyportError `authority_rotation` where the step does not follow; what secrets and files throw */
  rotate(step: RotationStep): Promise<void>;
}

/** What {@link openAuthorityStore} needs. */
export interface AuthorityStoreDeps {
  readonly domain: string;
  readonly constrained: boolean;
  readonly secrets: Secrets;
  readonly folder: string;
  readonly clock: Clock;
}

/** Reads a certificate of the app's. @throws SallyportError `certificate_invalid` where it is there and cannot be read */
export async function readCertificateFile(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw new SallyportError('certificate_invalid', 'app', `The certificate ${path} cannot be read.`, {
      hint: 'Check the permissions of the file.',
      cause: error,
    });
  }
}

/** Writes one durably. @throws SallyportError `certificate_folder_unwritable` */
export async function writeCertificateFile(folder: string, path: string, pem: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await writeDurably(path, pem, 0o644);
  } catch (error) {
    throw new SallyportError('certificate_folder_unwritable', 'app', `A certificate cannot be written to ${folder}.`, {
      hint: 'Check that the folder is writable and the disk is not full.',
      cause: error,
    });
  }
}

/** Name of the secret that holds an authority's key; the first authority of a domain has it under the bare name. */
export function authorityKeyNames(domain: string, pin: string): readonly [byPin: string, bare: string] {
  return [`pki:${domain}:ca-key:${pin}`, `pki:${domain}:ca-key`];
}

/**
 * Opens the authorities of a domain, the first made on first use. Keys are in secrets alone; certificates are `<domain>.ca.pem`, and during
 * a change `<domain>.ca-next.pem` or `<domain>.ca-old.pem`. Every step is one rename or one removal, so that a crash leaves the one before or
 * the one after it.
 * @throws SallyportError at hop `app`: `certificate_key_missing` where a certificate is there and its key is not (never a new authority in its
 *   place, `security.md` S21), what {@link loadAuthority} and secrets throw, `certificate_folder_unwritable`
 */
export async function openAuthorityStore(deps: AuthorityStoreDeps): Promise<AuthorityStore> {
  const { domain, secrets, folder, clock } = deps;
  const file = (role: AuthorityRole): string =>
    join(folder, role === 'active' ? `${domain}.ca.pem` : `${domain}.ca-${role}.pem`);

  const keyOf = async (pin: string): Promise<string | undefined> => {
    const [byPin, bare] = authorityKeyNames(domain, pin);
    return (await secrets.get(byPin)) ?? (await secrets.get(bare));
  };
  const load = async (role: AuthorityRole): Promise<Authority | undefined> => {
    const certificatePem = await readCertificateFile(file(role));
    if (certificatePem === undefined) return undefined;
    const keyPem = await keyOf(pinOf(certificatePem));
    if (keyPem !== undefined) return await loadAuthority({ certificatePem, keyPem });
    throw new SallyportError(
      'certificate_key_missing',
      'app',
      `The private key of the certificate authority for ${domain} is not in this installation's secrets.`,
      {
        hint: `Restore the secrets that belong to this data folder. To begin again with a new authority, which every agent must be told to trust anew, move ${file(role)} away.`,
      },
    );
  };
  const make = async (keyPem?: string) =>
    await createAuthority({
      commonName: `Sallyport CA ${domain}`,
      ...(deps.constrained ? { permittedDnsNames: [...new Set([domain, 'localhost'])] } : {}),
      now: clock.now(),
      ...(keyPem === undefined ? {} : { keyPem }),
    });
  const first = async (): Promise<Authority> => {
    // The key is stored first. A crash in between leaves a key without certificate, which is taken up here again.
    const [, bare] = authorityKeyNames(domain, '');
    const keyPem = await secrets.get(bare);
    const made = await make(keyPem);
    if (keyPem === undefined) await secrets.set(bare, made.keyPem);
    await writeCertificateFile(folder, file('active'), made.authority.pem);
    return made.authority;
  };

  let active = (await load('active')) ?? (await first());
  let next = await load('next');
  let old = await readOld();

  /** Only its certificate matters; one that equals the active one was left by a crash in the middle of `switch`. */
  async function readOld(): Promise<AuthorityView | undefined> {
    const pem = await readCertificateFile(file('old'));
    if (pem === undefined || certificateFingerprint(pem) === active.fingerprint) return undefined;
    const notAfter = new X509Certificate(pem).validToDate.toISOString();
    return { pem, fingerprint: certificateFingerprint(pem), notAfter };
  }

  const out = (role: AuthorityRole, one: Authority) => ({
    role,
    pem: one.pem,
    fingerprint: one.fingerprint,
    notAfter: one.notAfter.toISOString(),
  });
  const refuse = (why: string, hint: string): never => {
    throw new SallyportError('authority_rotation', 'app', why, { hint });
  };

  return {
    active: () => active,
    all: () => [
      out('active', active),
      ...(next ? [out('next', next)] : []),
      ...(old ? [{ role: 'old' as const, ...old }] : []),
    ],
    async rotate(step) {
      if (step === 'begin') {
        if (next || old) refuse('A change of the authority is under way.', 'Go on with switch, finish or cancel.');
        const made = await make();
        await secrets.set(authorityKeyNames(domain, made.authority.pin)[0], made.keyPem);
        await writeCertificateFile(folder, file('next'), made.authority.pem);
        next = made.authority;
      } else if (step === 'cancel') {
        if (!next) return refuse('No next authority is there to take back.', 'See sallyport tunnel ca.');
        await rm(file('next'), { force: true });
        await secrets.delete(authorityKeyNames(domain, next.pin)[0]);
        next = undefined;
      } else if (step === 'switch') {
        if (!next) return refuse('There is no next authority yet.', 'First: sallyport tunnel ca rotate begin');
        await writeCertificateFile(folder, file('old'), active.pem);
        await rename(file('next'), file('active'));
        const { role: _role, ...before } = out('old', active);
        old = before;
        active = next;
        next = undefined;
      } else {
        if (!old) return refuse('No old authority is there to let go of.', 'See sallyport tunnel ca.');
        const pin = pinOf(old.pem);
        await rm(file('old'), { force: true });
        old = undefined;
        const [byPin, bare] = authorityKeyNames(domain, pin);
        // The bare name is the first authority's, which may be the one that is let go of.
        await secrets.delete((await secrets.get(byPin)) === undefined ? bare : byPin);
      }
    },
  };
}

function pinOf(pem: string): string {
  try {
    return publicKeyPin(pem);
  } catch (cause) {
    throw new SallyportError('certificate_invalid', 'app', 'A stored CA certificate cannot be read.', {
      hint: 'Restore it from a backup; Sallyport makes no new one in its place.',
      cause,
    });
  }
}
