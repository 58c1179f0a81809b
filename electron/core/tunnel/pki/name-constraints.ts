import 'reflect-metadata';
import { Extension } from '@peculiar/x509';

/** OID of the name constraints extension (RFC 5280 §4.2.1.10). */
export const nameConstraintsOid = '2.5.29.30';

/**
 * The critical name constraints extension that lets an authority sign only these DNS names, each with everything below
 * it, and no other: a leaked key of such an authority is worth nothing for other sites (`security.md` S6).
 *
 * Addresses are left unconstrained on purpose. BoringSSL (Electron's Node, and Bun, which hosted agents' command lines
 * are built with) answers "unsupported name constraint type" to a chain where the authority has an iPAddress subtree and
 * the leaf an address, so that no such client would reach `https://127.0.0.1`.
 */
export function nameConstraintsExtension(dnsNames: readonly string[]): Extension {
  // NameConstraints ::= SEQUENCE { permittedSubtrees [0] SEQUENCE OF GeneralSubtree { base GeneralName } }; the library
  // has no class for it. GeneralName: [2] dNSName.
  const subtrees = dnsNames.map((name) => element(0x30, element(0x82, Buffer.from(name, 'ascii'))));
  return new Extension(nameConstraintsOid, true, element(0x30, element(0xa0, Buffer.concat(subtrees))));
}

/** One DER element: tag, definite length, content. */
function element(tag: number, content: Uint8Array): Buffer {
  const length = content.length;
  const head = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...head]), content]);
}
