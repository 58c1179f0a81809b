import * as z from 'zod';
import type { Secrets } from '../../secrets/secrets.ts';
import { signInSecret } from '../server-registry.ts';

const storedSignIn = z.object({
  /** The server that these tokens are for; under another address they are not used. */
  url: z.string(),
  issuer: z.string(),
  /** What the authorization server's metadata is found by. */
  authorizationServer: z.string(),
  /** RFC 8707 resource that the tokens were asked for. */
  resource: z.string().optional(),
  client: z.object({ client_id: z.string(), client_secret: z.string().optional() }),
  accessToken: z.string().optional(),
  refreshToken: z.string().optional(),
  scope: z.string().optional(),
  /** Milliseconds since the epoch. */
  expiresAt: z.number().optional(),
});

/** Sallyport's own tokens at one upstream; kept in secrets only. */
export type StoredSignIn = z.infer<typeof storedSignIn>;

/** What is stored for a server, undefined if there is nothing, or nothing for this address. */
export async function readSignIn(
  secrets: Pick<Secrets, 'get'>,
  slug: string,
  url: string,
): Promise<StoredSignIn | undefined> {
  const text = await secrets.get(signInSecret(slug));
  if (text === undefined) return undefined;
  const parsed = storedSignIn.safeParse(parse(text));
  return parsed.success && parsed.data.url === url ? parsed.data : undefined;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
