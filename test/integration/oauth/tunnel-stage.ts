import { once } from 'node:events';
import https from 'node:https';
import { createServer } from 'node:net';
import { Readable } from 'node:stream';
import { type CloudflareEdge, startCloudflareEdge } from '../../fixtures/cloudflare-edge/cloudflare-edge.ts';
import { type OauthStage, startStage } from './stage.ts';

/** Domain of the tunnel. */
export const tunnelDomain = 'abcd1234.tunnel.example';
const token = Buffer.from(
  JSON.stringify({ a: 'acc', t: '0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0', s: Buffer.from('sesame').toString('base64') }),
).toString('base64');

/** The app behind a tunnel of Anthropic's: a stand-in edge, the native connector, and an agent that comes through both. */
export interface TunnelStage extends OauthStage {
  readonly edge: CloudflareEdge;
  /** `https://auth.<domain>` */
  readonly issuer: string;
  /** `http://127.0.0.1:<port>` of the pages for browsers. */
  readonly pages: string;
  /** What the agent has instead of the network: every host is reached through the tunnel. */
  /** Frees the port that the embedded edge had before. */
  giveBack(): Promise<void>;
  readonly fetch: (address: string | URL, init?: RequestInit) => Promise<Response>;
}

/** Starts it. */
export async function startTunnelStage(): Promise<TunnelStage> {
  const edge = await startCloudflareEdge();
  const stage = await startStage();
  const came = edge.next();
  await stage.ask('tunnel.use', {
    way: 'anthropic',
    anthropic: { domain: tunnelDomain, token, mode: 'native', edges: [edge.address], edgeCa: edge.ca },
  });
  await came;
  // The port of the embedded edge is free now and belongs to URLs given out: another test must not get it meanwhile.
  const holder = createServer((socket) => socket.destroy()).listen(Number(new URL(stage.url).port), '127.0.0.1');
  await once(holder, 'listening');
  const { pem: ca } = await stage.ask('tunnel.ca', {});
  const door = await edge.door(tunnelDomain);
  const { servers } = await stage.ask('servers.list', {});
  const urlOf = (slug: string): string => servers.find((one) => one.slug === slug)?.publicUrl ?? '';
  const throughTunnel: TunnelStage['fetch'] = async (address, init = {}) => {
    const request = new Request(address, init);
    const { hostname, pathname, search } = new URL(request.url);
    const body = Buffer.from(await request.arrayBuffer());
    return await new Promise<Response>((resolve, reject) => {
      const outgoing = https.request(
        {
          host: '127.0.0.1',
          port: door,
          servername: hostname,
          ca,
          agent: false,
          method: request.method,
          path: `${pathname}${search}`,
          headers: {
            ...Object.fromEntries(request.headers),
            host: hostname,
            ...(body.length > 0 ? { 'content-length': String(body.length) } : {}),
          },
        },
        (response) => {
          const headers = new Headers();
          for (const [name, value] of Object.entries(response.headers)) {
            for (const one of [value ?? []].flat()) headers.append(name, one);
          }
          const status = response.statusCode ?? 0;
          const empty = status === 204 || status === 304 || status === 202;
          if (empty) response.resume();
          resolve(new Response(empty ? null : (Readable.toWeb(response) as ReadableStream), { status, headers }));
        },
      );
      init.signal?.addEventListener('abort', () => outgoing.destroy());
      outgoing.on('error', reject);
      outgoing.end(body);
    });
  };
  const metadata = await throughTunnel(`https://auth.${tunnelDomain}/.well-known/oauth-authorization-server`);
  const { authorization_endpoint: endpoint } = (await metadata.json()) as { authorization_endpoint: string };
  return {
    ...stage,
    edge,
    issuer: `https://auth.${tunnelDomain}`,
    url: urlOf(stage.slug),
    otherUrl: urlOf('other'),
    pages: new URL(endpoint).origin,
    fetch: throughTunnel,
    giveBack: () => new Promise((resolve) => holder.close(() => resolve())),
    async close() {
      holder.close();
      await stage.close();
      await edge.close();
    },
  };
}
