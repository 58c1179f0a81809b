import type { ClientMetadata } from './client-metadata.ts';

/** A client that ships with the app: its record needs no fetch, and its name can be trusted. */
export interface KnownClient {
  /** Identifier of the agent that it speaks for. */
  readonly agent: string;
  readonly host: string;
  readonly metadata: ClientMetadata;
}

const publicClient = {
  grant_types: ['authorization_code', 'refresh_token'],
  response_types: ['code'],
  token_endpoint_auth_method: 'none',
} as const;

/**
 * Hosted agents whose metadata documents could not always be fetched (`reference/mcp.md` §2.2). A client that registered
 * dynamically with nothing but their redirect addresses counts as the same agent: its codes go to the same place.
 */
export const knownClients: readonly KnownClient[] = [
  {
    agent: 'client:claude.ai',
    host: 'claude.ai',
    metadata: {
      ...publicClient,
      client_id: 'https://claude.ai/oauth/mcp-oauth-client-metadata',
      client_name: 'Claude (claude.ai)',
      redirect_uris: ['https://claude.ai/api/mcp/auth_callback', 'https://claude.com/api/mcp/auth_callback'],
      application_type: 'web',
    },
  },
  {
    agent: 'client:claude-code',
    host: 'claude.ai',
    metadata: {
      ...publicClient,
      client_id: 'https://claude.ai/oauth/claude-code-client-metadata',
      client_name: 'Claude Code',
      redirect_uris: ['http://localhost/callback', 'http://127.0.0.1/callback'],
      application_type: 'native',
    },
  },
  {
    agent: 'client:chatgpt.com',
    host: 'chatgpt.com',
    metadata: {
      ...publicClient,
      client_id: 'https://chatgpt.com/oauth/client.json',
      client_name: 'ChatGPT (chatgpt.com)',
      redirect_uris: ['https://chatgpt.com/connector_platform_oauth_redirect'],
      application_type: 'web',
    },
  },
];
