import * as z from 'zod';
import { SallyportError } from '../../../../shared/errors.ts';

/** What is in a tunnel's token. All of it is secret but the tunnel's id. */
export interface ConnectorToken {
  readonly accountTag: string;
  /** UUID of the tunnel, lower case with dashes. */
  readonly tunnelId: string;
  readonly secret: Buffer;
  /** Region that the tunnel belongs to, where the token names one. */
  readonly endpoint?: string;
}

const shape = z.looseObject({
  a: z.string().min(1),
  t: z.string().regex(/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i),
  s: z.string().min(1),
  e: z.string().min(1).optional(),
});

/**
 * Reads a tunnel's token: base64 of JSON with account, tunnel and secret (`cloudflared tunnel run --token`). White space
 * around it is forgiven. The whole command line that the Console shows is not taken apart.
 * @throws SallyportError `tunnel_token_invalid` at hop `tunnel`; nothing of the token is in the message
 */
export function readConnectorToken(text: string): ConnectorToken {
  let json: unknown;
  try {
    json = JSON.parse(Buffer.from(text.trim(), 'base64').toString('utf8'));
  } catch {
    json = undefined;
  }
  const parsed = shape.safeParse(json);
  if (!parsed.success || !/^[A-Za-z0-9+/=_-]+$/.test(text.trim())) {
    throw new SallyportError('tunnel_token_invalid', 'tunnel', 'Provided Tunnel token is not valid.', {
      hint: 'Copy the token of the tunnel anew: one long line that begins with "eyJ".',
    });
  }
  const { a, t, s, e } = parsed.data;
  return {
    accountTag: a,
    tunnelId: t.toLowerCase(),
    secret: Buffer.from(s, 'base64'),
    ...(e === undefined ? {} : { endpoint: e }),
  };
}
