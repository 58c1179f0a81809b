import { release } from 'node:os';
import type { Check } from './check.ts';

/**
 * The findings as a page that is safe to paste in public. It holds what {@link Words} put into their `report` side, this
 * program's and the system's versions, and nothing else: no names of servers, hosts, users or folders, no text of anybody.
 * @param at RFC 3339 UTC
 */
export function formatReport(checks: readonly Check[], version: string, at: string): string {
  const slugs = new Map<string, string>();
  const nameOf = ({ check }: Check): string => {
    const [kind = check, slug] = check.split(':');
    if (slug === undefined) return kind;
    const known = slugs.get(slug) ?? `${kind} ${slugs.size + 1}`;
    slugs.set(slug, known);
    return known;
  };
  const rows = checks.map(
    (check) =>
      `| ${nameOf(check)} | ${check.hop} | ${check.ok ? 'ok' : '**failed**'} | ${cell(check.detail.report)} | ${cell(check.fix?.report ?? '')} |`,
  );
  return [
    '# Report of `sallyport doctor`',
    '',
    `Made ${at} by Sallyport ${version} with Node ${process.versions.node} on ${process.platform} ${process.arch} (${release().split('-')[0]}).`,
    'Names, addresses, folders and what servers said are left out; marks such as `<edge>` stand in their place.',
    '',
    '| check | hop | | found | what mends it |',
    '|---|---|---|---|---|',
    ...rows,
    '',
  ].join('\n');
}

function cell(text: string): string {
  return text.replace(/[|\n\\]/g, ' ');
}
