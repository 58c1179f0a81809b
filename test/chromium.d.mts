/** See chromium.mjs. */
export function findChromium(): string | undefined;
/** See chromium.mjs. */
export function provideChromium(say: (line: string) => void): string;
/** What each of Chromium's windows would load beside the page that is tested: processes of the browser's own address bar. */
export const browserOwnPages: readonly string[];
