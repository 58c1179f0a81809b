/** The scheme that packages register (`electron-builder.yml`). */
export const linkScheme = 'sallyport';

const linkablePages = new Set(['servers', 'requests', 'approvals', 'agents', 'tunnel', 'settings', 'start']);
const maxLength = 200;

/**
 * The page that a `sallyport://` link opens, as a route of the window. A link names a page and nothing else: one that
 * carries an item, a query, a fragment or a name is no link of ours, whatever its page (`security.md` S17).
 */
export function routeOfLink(link: string): string | undefined {
  if (link.length > maxLength) return undefined;
  const [, page] = /^sallyport:\/\/([a-z]+)\/?$/.exec(link) ?? [];
  return page !== undefined && linkablePages.has(page) ? `#/${page}` : undefined;
}

/** The first link of ours among an instance's arguments: how Windows and Linux hand them over. */
export function linkAmong(args: readonly string[]): string | undefined {
  return args.find((argument) => argument.startsWith(`${linkScheme}:`));
}
