/** Chromium knows no `app:` scheme of ours, so its pages are under this host, which resolves nowhere; see README.md. */
const suffix = '.app-scheme.test';

/** `app://ui/x` → `https://ui.app-scheme.test/x`; other addresses as they are. */
export function toChromium(url: string): string {
  const parsed = URL.parse(url);
  if (parsed?.protocol !== 'app:') return url;
  return `https://${parsed.host}${suffix}${parsed.pathname}${parsed.search}${parsed.hash}`;
}

/** The way back. */
export function toElectron(url: string): string {
  const parsed = URL.parse(url);
  if (!parsed?.hostname.endsWith(suffix)) return url;
  return `app://${parsed.hostname.slice(0, -suffix.length)}${parsed.pathname}${parsed.search}${parsed.hash}`;
}
