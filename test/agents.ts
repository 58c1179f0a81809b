import tls from 'node:tls';
import { Client as ModernClient, StreamableHTTPClientTransport as ModernTransport } from '@modelcontextprotocol/client';
import { Client as LegacyClient } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as LegacyTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';

/** Makes this test process, as an agent, trust one more CA: what a person does with `sallyport tunnel ca`. */
export function trust(pem: string): void {
  tls.setDefaultCACertificates([...tls.getCACertificates('default'), pem]);
}

/** Connects the SDK's client of the 2025-11-25 era. */
export async function connectLegacy(url: string, token: string, name = 'legacy-agent'): Promise<LegacyClient> {
  const client = new LegacyClient({ name, version: '1.0.0' });
  await client.connect(
    new LegacyTransport(new URL(url), { requestInit: { headers: { authorization: `Bearer ${token}` } } }),
  );
  return client;
}

/** Connects the SDK's client of the 2026-07-28 era. */
export async function connectModern(url: string, token: string, name = 'modern-agent'): Promise<ModernClient> {
  const client = new ModernClient({ name, version: '1.0.0' }, { versionNegotiation: { mode: { pin: '2026-07-28' } } });
  await client.connect(
    new ModernTransport(new URL(url), { requestInit: { headers: { authorization: `Bearer ${token}` } } }),
  );
  return client;
}
