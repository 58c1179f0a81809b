import type { CaaRecord } from 'node:dns';
import { resolveCaa as resolveByDns } from 'node:dns/promises';

/** Looks one name's CAA records up. */
export type ResolveCaa = (name: string) => Promise<readonly CaaRecord[]>;

/** Whether CAA records keep other accounts from getting a certificate for a name (RFC 8659, RFC 8657). */
export interface CaaFinding {
  /** The record to set, as a zone file has it; absent where the authority names none. */
  readonly record?: string;
  /**
   * `bound` = only our account by TLS-ALPN-01; `open` = this authority is allowed for any account; `none` = there is no record, any
   * authority may issue; `forbidden` = other authorities only, so that a renewal will fail; `unknown` = DNS did not answer.
   */
  readonly state: 'bound' | 'open' | 'none' | 'forbidden' | 'unknown';
}

/** Reads what DNS says for a name: its own records, else those of the nearest name above it that has some. */
export async function checkCaa(
  about: { readonly domain: string; readonly account: string; readonly caaIdentities: readonly string[] },
  resolve: ResolveCaa = resolveByDns,
): Promise<CaaFinding> {
  const { domain, account, caaIdentities } = about;
  const [identity] = caaIdentities;
  const record =
    identity === undefined
      ? {}
      : { record: `${domain}. CAA 0 issue "${identity}; accounturi=${account}; validationmethods=tls-alpn-01"` };
  const labels = domain.split('.');
  for (let at = 0; at < labels.length; at += 1) {
    let found: readonly CaaRecord[];
    try {
      found = await resolve(labels.slice(at).join('.'));
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code === 'ENODATA' || code === 'ENOTFOUND') continue;
      return { ...record, state: 'unknown' };
    }
    const issue = found.flatMap((one) => (one.issue === undefined ? [] : [parseIssue(one.issue)]));
    // Records that say nothing about issuing end the climb as well (RFC 8659 §3), and allow everybody.
    if (found.length === 0) continue;
    if (issue.length === 0) return { ...record, state: 'none' };
    const ours = issue.filter((one) => caaIdentities.includes(one.issuer));
    if (ours.length === 0) return { ...record, state: 'forbidden' };
    const bound = (one: (typeof ours)[number]): boolean =>
      one.parameters.get('accounturi') === account && one.parameters.get('validationmethods') === 'tls-alpn-01';
    return { ...record, state: issue.every((one) => ours.includes(one) && bound(one)) ? 'bound' : 'open' };
  }
  return { ...record, state: 'none' };
}

function parseIssue(value: string): { issuer: string; parameters: Map<string, string> } {
  const [issuer = '', ...rest] = value.split(';').map((part) => part.trim());
  const pairs = rest.map((part): [string, string] => {
    const at = part.indexOf('=');
    return [part.slice(0, at).trim().toLowerCase(), part.slice(at + 1).trim()];
  });
  return { issuer: issuer.toLowerCase(), parameters: new Map(pairs) };
}
