import { readFile } from 'node:fs/promises';
import * as z from 'zod';
import { SallyportError } from '../../../../../shared/errors.ts';
import { visibleText } from '../../../../../shared/visible-text.ts';
import { type ExchangeDeps, exchange } from './api-exchange.ts';

/** Where the identity token of a workload comes from, and which rule of Anthropic's takes it. */
export interface Federation {
  /** `fdrl_…` */
  readonly rule: string;
  /** The organization's id. */
  readonly organization: string;
  readonly serviceAccount?: string | undefined;
  /** `wrkspc_…` or `default`. */
  readonly workspace?: string | undefined;
  /** Gives the OIDC token of this workload, anew at each exchange: files of it are renewed by whoever made them. */
  readonly identity: () => Promise<string>;
}

/** What opens the Tunnels API: a bearer token that a person has, or one that is exchanged for when it is needed. */
export interface ApiCredential {
  /** @throws SallyportError `federation_refused`, `identity_token_unreadable`, `tunnel_api_unreachable`, … */
  bearer(): Promise<string>;
  /** The API did not take the last one. @returns whether another may be tried */
  refused(): boolean;
}

/** Headers that every call under such a token carries besides those of its API. */
export const oauthBeta = 'oauth-2025-04-20';
const federationBeta = 'oidc-federation-2026-04-01';
const maxAssertion = 16_384;
/** A token that ends sooner than this is not begun with. */
const marginMs = 30_000;

/**
 * A token as it was given.
 * @throws SallyportError `api_token_malformed`; `admin_key_refused`, since the Tunnels API takes none
 */
export function givenToken(token: string): ApiCredential {
  if (/^sk-ant-admin/.test(token)) {
    throw new SallyportError('admin_key_refused', 'app', 'This is an admin key, which the Tunnels API does not take.', {
      hint: 'Give a token with the scope workspace:manage_tunnels, or use workload identity federation.',
    });
  }
  if (!/^[\x21-\x7e]{8,16384}$/.test(token)) {
    throw new SallyportError(
      'api_token_malformed',
      'app',
      'The token of the API holds spaces or other odd characters.',
      {
        hint: 'Give the token alone, on one line.',
      },
    );
  }
  return { bearer: async () => token, refused: () => false };
}

/** Reads an identity token from a file, anew each time. @throws SallyportError `identity_token_unreadable` */
export function identityFromFile(file: string): () => Promise<string> {
  return async () => {
    try {
      return (await readFile(file, 'utf8')).trim();
    } catch (error) {
      throw new SallyportError('identity_token_unreadable', 'app', `The identity token in ${file} cannot be read.`, {
        cause: error,
      });
    }
  };
}

const answerSchema = z.looseObject({
  access_token: z.string().regex(/^[\x21-\x7e]{1,16384}$/),
  expires_in: z.number().positive(),
  token_type: z.string().optional(),
});
const failureSchema = z.looseObject({ error: z.string().optional(), error_description: z.string().optional() });

/**
 * Exchanges the identity token of this workload for a token of the API (Workload Identity Federation: the JWT-bearer grant
 * of RFC 7523 at `/v1/oauth/token`), and keeps that in memory until it ends. There is no refresh token: it is exchanged anew.
 */
export function federatedToken(deps: ExchangeDeps, federation: Federation): ApiCredential {
  let held: { readonly token: string; readonly until: number } | undefined;
  let fresh = false;
  const swap = async (): Promise<string> => {
    const assertion = await federation.identity();
    if (!/^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/.test(assertion) || assertion.length > maxAssertion) {
      throw new SallyportError('identity_token_malformed', 'app', 'The identity token is no JWT of at most 16 KiB.', {
        hint: 'Give the token that your platform makes for this workload, alone.',
      });
    }
    const { status, json } = await exchange(deps, {
      method: 'POST',
      path: '/v1/oauth/token',
      headers: { 'anthropic-beta': `${oauthBeta},${federationBeta}` },
      body: {
        grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
        assertion,
        federation_rule_id: federation.rule,
        organization_id: federation.organization,
        ...(federation.serviceAccount === undefined ? {} : { service_account_id: federation.serviceAccount }),
        ...(federation.workspace === undefined ? {} : { workspace_id: federation.workspace }),
      },
    });
    if (status !== 200) {
      // Of the answer only what RFC 6749 names: anything else could be our own assertion, echoed.
      const { error, error_description: description } = failureSchema.safeParse(json).data ?? {};
      const words = [error, description].filter(Boolean).join(': ').replaceAll(assertion, '•••');
      throw new SallyportError(
        'federation_refused',
        'tunnel',
        `Anthropic did not exchange the identity token (${status}${words ? `, ${visibleText(words, { max: 300 })}` : ''}).`,
        {
          hint: 'The token’s issuer, audience and subject must match the federation rule byte for byte, and it must not have expired; name a workspace where the rule covers several.',
        },
      );
    }
    const parsed = answerSchema.safeParse(json);
    if (!parsed.success || (parsed.data.token_type ?? 'bearer').toLowerCase() !== 'bearer') {
      throw new SallyportError('tunnel_api_answer', 'tunnel', 'Anthropic’s answer to the exchange cannot be read.');
    }
    held = { token: parsed.data.access_token, until: deps.clock.monotonic() + parsed.data.expires_in * 1_000 };
    fresh = true;
    return held.token;
  };
  return {
    async bearer() {
      if (held && held.until - deps.clock.monotonic() > marginMs) {
        fresh = false;
        return held.token;
      }
      return await swap();
    },
    refused() {
      held = undefined;
      return !fresh;
    },
  };
}
