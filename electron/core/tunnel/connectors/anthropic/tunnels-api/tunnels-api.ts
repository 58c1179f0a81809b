import * as z from 'zod';
import { SallyportError } from '../../../../../shared/errors.ts';
import { visibleText } from '../../../../../shared/visible-text.ts';
import { isDnsName } from '../../../pki/certificate-names.ts';
import { type ApiCredential, oauthBeta } from './api-credential.ts';
import { type ApiAnswer, type ExchangeDeps, exchange } from './api-exchange.ts';

/** The two generations of the API: of a workspace, and the older one of an organization, which goes on for a while. */
export const generations = ['workspace', 'organization'] as const;
/** See {@link generations}. */
export type Generation = (typeof generations)[number];

const published: Readonly<
  Record<Generation, { readonly root: string; readonly beta: string; readonly query: string; readonly scope: string }>
> = {
  workspace: {
    root: '/v1/tunnels',
    beta: 'mcp-tunnels-2026-06-22',
    query: 'beta=true',
    scope: 'workspace:manage_tunnels',
  },
  organization: {
    root: '/v1/organizations/tunnels',
    beta: 'mcp-tunnels-2026-05-19',
    query: '',
    scope: 'org:manage_tunnels',
  },
};

const instant = z.string().max(64);
const tunnelSchema = z.looseObject({
  type: z.literal('tunnel'),
  id: z.string().regex(/^tnl_[A-Za-z0-9_-]{1,200}$/),
  display_name: z.string().max(255).nullable(),
  domain: z
    .string()
    .max(253)
    .refine((domain) => isDnsName(domain) && domain.includes('.')),
  created_at: instant,
  archived_at: instant.nullable(),
});
const tokenSchema = z.looseObject({
  type: z.literal('tunnel_token'),
  id: z.string().max(200),
  tunnel_token: z.string().min(1).max(8_192),
});
const certificateSchema = z.looseObject({
  type: z.literal('tunnel_certificate'),
  id: z.string().regex(/^tcrt_[A-Za-z0-9_-]{1,200}$/),
  tunnel_id: z.string(),
  fingerprint: z.string().regex(/^[0-9a-f]{64}$/),
  expires_at: instant.nullable(),
  created_at: instant,
  archived_at: instant.nullable(),
});
/** A tunnel, in the API's words. */
export type ApiTunnel = z.infer<typeof tunnelSchema>;
/** A certificate authority that a tunnel trusts; `fingerprint` is SHA-256 over DER in lower-case hex. */
export type ApiCertificate = z.infer<typeof certificateSchema>;

const failureSchema = z.looseObject({ error: z.looseObject({ type: z.string(), message: z.string() }) });

/** Anthropic's Tunnels API. Each call throws `tunnel_api_*`, `tunnel_not_found` or what the credential throws. */
export interface TunnelsApi {
  list(archived: boolean): Promise<ApiTunnel[]>;
  get(id: string): Promise<ApiTunnel>;
  /** Not idempotent: an answer that is lost leaves a tunnel that only {@link TunnelsApi.list} finds. */
  create(displayName: string): Promise<ApiTunnel>;
  /** Cannot be undone: its certificates are archived, its token dies and its domain is never given again. */
  archive(id: string): Promise<ApiTunnel>;
  revealToken(id: string): Promise<string>;
  /** Established connections stay; new ones need the new token. */
  rotateToken(id: string, reason: string | undefined): Promise<string>;
  certificates(id: string): Promise<ApiCertificate[]>;
  addCertificate(id: string, pem: string): Promise<ApiCertificate>;
  archiveCertificate(id: string, certificate: string): Promise<ApiCertificate>;
}

const maxPages = 50;
/** Waits that the API may ask for within one call, together. */
const patienceMs = 60_000;
const defaultWaitMs = 1_000;

/** Makes a client. */
export function createTunnelsApi(
  deps: ExchangeDeps & { readonly credential: ApiCredential; readonly generation: Generation },
): TunnelsApi {
  const { credential, clock } = deps;
  const { root, beta, query, scope } = published[deps.generation];

  const send = async (method: 'GET' | 'POST', path: string, more: string, body?: unknown): Promise<ApiAnswer> => {
    const parameters = [query, more].filter((part) => part !== '').join('&');
    return await exchange(deps, {
      method,
      path: `${root}${path}${parameters === '' ? '' : `?${parameters}`}`,
      headers: {
        authorization: `Bearer ${await credential.bearer()}`,
        'anthropic-version': '2023-06-01',
        'anthropic-beta': `${beta},${oauthBeta}`,
      },
      ...(body === undefined ? {} : { body }),
    });
  };

  /** Asks until the API takes the request, or says no. What was refused for its rate was not carried out. */
  const call = async <T>(
    schema: z.ZodType<T>,
    method: 'GET' | 'POST',
    path: string,
    more = '',
    body?: unknown,
  ): Promise<T> => {
    const giveUpAt = clock.monotonic() + patienceMs;
    for (;;) {
      const answer = await send(method, path, more, body);
      if (answer.status === 401 && credential.refused()) continue;
      const busy = answer.status === 429 || (method === 'GET' && (answer.status === 529 || answer.status === 503));
      const wait = answer.retryAfterMs ?? defaultWaitMs;
      if (busy && clock.monotonic() + wait <= giveUpAt) {
        await new Promise<void>((resolve) => clock.schedule(wait, resolve));
        continue;
      }
      if (answer.status !== 200) throw explain(answer, scope, path);
      const parsed = schema.safeParse(answer.json);
      if (parsed.success) return parsed.data;
      const issue = parsed.error.issues[0];
      throw new SallyportError(
        'tunnel_api_answer',
        'tunnel',
        `Anthropic’s answer cannot be read: ${issue?.path.join('.') || 'the document'} is not as published.`,
      );
    }
  };

  const pages = async <T>(item: z.ZodType<T>, path: string, archived: boolean): Promise<T[]> => {
    const page = z.looseObject({ data: z.array(item), next_page: z.string().max(4_096).nullish() });
    const found: T[] = [];
    let next: string | undefined;
    for (let count = 0; count < maxPages; count += 1) {
      const parameters = new URLSearchParams({
        limit: '100',
        ...(archived ? { include_archived: 'true' } : {}),
        ...(next === undefined ? {} : { page: next }),
      });
      const { data, next_page: after } = await call(page, 'GET', path, parameters.toString());
      found.push(...data);
      if (after === undefined || after === null) return found;
      next = after;
    }
    throw new SallyportError('tunnel_api_answer', 'tunnel', 'Anthropic’s list does not end.');
  };

  const of = (id: string): string => `/${encodeURIComponent(id)}`;
  return {
    list: (archived) => pages(tunnelSchema, '', archived),
    get: (id) => call(tunnelSchema, 'GET', of(id)),
    create: (displayName) => call(tunnelSchema, 'POST', '', '', { display_name: displayName }),
    archive: (id) => call(tunnelSchema, 'POST', `${of(id)}/archive`),
    revealToken: async (id) => (await call(tokenSchema, 'POST', `${of(id)}/reveal_token`)).tunnel_token,
    rotateToken: async (id, reason) =>
      (await call(tokenSchema, 'POST', `${of(id)}/rotate_token`, '', reason === undefined ? {} : { reason }))
        .tunnel_token,
    certificates: (id) => pages(certificateSchema, `${of(id)}/certificates`, false),
    addCertificate: (id, pem) =>
      call(certificateSchema, 'POST', `${of(id)}/certificates`, '', { ca_certificate_pem: pem }),
    archiveCertificate: (id, certificate) =>
      call(certificateSchema, 'POST', `${of(id)}/certificates${of(certificate)}/archive`),
  };
}

function explain({ status, json }: ApiAnswer, scope: string, path: string): SallyportError {
  const said = failureSchema.safeParse(json).data?.error;
  const words = said ? ` It says: ${visibleText(said.message, { max: 300 })}` : '';
  const fail = (code: string, message: string, hint?: string): SallyportError =>
    new SallyportError(code, 'tunnel', `${message}${words}`, hint === undefined ? {} : { hint });
  switch (status) {
    case 401:
      return fail(
        'tunnel_api_unauthorized',
        'Anthropic does not take the credential.',
        'Give a new one; it may have ended.',
      );
    case 403:
      return fail(
        'tunnel_api_forbidden',
        `The credential lacks the scope ${scope}.`,
        'Have the federation rule or the key allow it, or, for the older API, add --api-generation organization.',
      );
    case 404:
      return fail(
        'tunnel_not_found',
        path === '' ? 'Anthropic offers no Tunnels API here.' : 'Anthropic knows no such tunnel or certificate.',
        'The account may have no access to tunnels, or another workspace holds it.',
      );
    case 429:
      return fail(
        'tunnel_api_limited',
        'Anthropic asks for fewer requests.',
        'Wait a minute, then run the same command again.',
      );
    default:
      return fail('tunnel_api_failed', `Anthropic answered with status ${status}.`);
  }
}
