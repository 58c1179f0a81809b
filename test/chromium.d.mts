/** See chromium.mjs. */
export function findChromium(): string | undefined;
/** See chromium.mjs. */
export function provideChromium(say: (line: string) => void): string;
