import type { OAuthClientProvider as ModernProvider } from '@modelcontextprotocol/client';
import type { OAuthClientProvider } from '@modelcontextprotocol/sdk/client/auth.js';

type Information = Awaited<ReturnType<OAuthClientProvider['clientInformation']>>;
type Tokens = Awaited<ReturnType<OAuthClientProvider['tokens']>>;

/** An agent's side of OAuth for the official SDK clients of either line: everything in memory. */
export class AgentProvider implements OAuthClientProvider {
  readonly redirectUrl: string;
  readonly clientMetadataUrl?: string;
  readonly #name: string;
  authorization: URL | undefined;
  information: Information;
  held: Tokens;
  #verifier = '';
  /** @param redirectUrl default: one that nothing listens on */
  constructor(name: string, clientMetadataUrl?: string, redirectUrl = 'http://127.0.0.1:9/callback') {
    this.#name = name;
    this.redirectUrl = redirectUrl;
    if (clientMetadataUrl !== undefined) this.clientMetadataUrl = clientMetadataUrl;
  }
  get clientMetadata() {
    return {
      client_name: this.#name,
      redirect_uris: [this.redirectUrl],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: 'none',
    };
  }
  clientInformation(): Information {
    return this.information;
  }
  saveClientInformation(information: NonNullable<Information>): void {
    this.information = information;
  }
  tokens(): Tokens {
    return this.held;
  }
  saveTokens(tokens: NonNullable<Tokens>): void {
    this.held = tokens;
  }
  redirectToAuthorization(url: URL): void {
    this.authorization = url;
  }
  saveCodeVerifier(verifier: string): void {
    this.#verifier = verifier;
  }
  codeVerifier(): string {
    return this.#verifier;
  }
  #discovery: unknown;
  saveDiscoveryState(state: unknown): void {
    this.#discovery = state;
  }
  discoveryState(): undefined {
    return this.#discovery as undefined;
  }
  /** The same, as the other line's type. */
  get modern(): ModernProvider {
    return this as unknown as ModernProvider;
  }
}
