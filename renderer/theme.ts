/** The themes a person can choose; `system` follows the desktop. */
export const themes = ['system', 'light', 'dark'] as const;
/** See {@link themes}. */
export type Theme = (typeof themes)[number];

const key = 'sallyport.theme';

/** The theme chosen for this window, `system` if none was. */
export function storedTheme(): Theme {
  try {
    const stored = localStorage.getItem(key);
    return themes.find((theme) => theme === stored) ?? 'system';
  } catch {
    return 'system';
  }
}

/** Chooses and remembers a theme. */
export function chooseTheme(theme: Theme): void {
  try {
    localStorage.setItem(key, theme);
  } catch {
    // Storage may be switched off: the theme then lasts as long as the page.
  }
  applyTheme(theme);
}

/** Puts it on the document; the style sheets do the rest. */
export function applyTheme(theme: Theme): void {
  if (theme === 'system') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
}
