import { resolve4, resolveSrv } from 'node:dns/promises';
import { SallyportError } from '../../../../../shared/errors.ts';

/** One address of the tunnel's edge. */
export interface EdgeAddress {
  readonly host: string;
  readonly port: number;
}

/**
 * Addresses of the tunnel's edge, the regions in turn, so that neighbouring connections enter by different ones.
 * @param endpoint region that the token names, if it names one
 * @throws SallyportError `edge_not_found` at hop `tunnel` where DNS does not answer
 */
export async function findEdgeAddresses(endpoint?: string): Promise<readonly EdgeAddress[]> {
  const name = `_${endpoint ? `${endpoint}-` : ''}v2-origintunneld._tcp.argotunnel.com`;
  try {
    const regions = await resolveSrv(name);
    const found = await Promise.all(
      regions.map(async ({ name: host, port }) => (await resolve4(host)).map((address) => ({ host: address, port }))),
    );
    const longest = Math.max(0, ...found.map((region) => region.length));
    const turns = Array.from({ length: longest }, (_, index) => found.flatMap((region) => region[index] ?? []));
    if (turns.flat().length > 0) return turns.flat();
    throw new Error('no addresses');
  } catch (error) {
    throw new SallyportError('edge_not_found', 'tunnel', 'The tunnel edge’s addresses cannot be found by DNS.', {
      hint: 'Check this machine’s network and DNS; it is tried again by itself.',
      cause: error,
    });
  }
}

/**
 * Reads `host:port`. @throws SallyportError `usage`-like `bad_edge_address` at hop `tunnel`
 */
export function readEdgeAddress(text: string): EdgeAddress {
  const match = /^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+):([0-9]{1,5})$/.exec(text);
  const port = Number(match?.[2]);
  if (!match?.[1] || port < 1 || port > 65_535) {
    throw new SallyportError('bad_edge_address', 'tunnel', `${JSON.stringify(text)} is no address HOST:PORT.`);
  }
  return { host: match[1].replace(/^\[|\]$/g, ''), port };
}
