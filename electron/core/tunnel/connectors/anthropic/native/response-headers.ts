/** Header that carries an origin's headers in one value. */
export const responseHeadersName = 'cf-cloudflared-response-headers';
/** Header that says who made an answer. */
export const responseMetaName = 'cf-cloudflared-response-meta';
/** Values of {@link responseMetaName}. */
export const responseMeta = { origin: '{"src":"origin"}', connector: '{"src":"cloudflared"}' } as const;

/** Headers as the edge wants them: `base64(name):base64(value)` joined by `;`, without padding, original spelling. */
export function serializeHeaders(headers: Readonly<Record<string, string>>): string {
  const base64 = (text: string): string => Buffer.from(text, 'utf8').toString('base64').replace(/=+$/, '');
  return Object.entries(headers)
    .map(([name, value]) => `${base64(name)}:${base64(value)}`)
    .join(';');
}
