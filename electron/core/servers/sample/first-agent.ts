import https from 'node:https';
import { connect } from 'node:net';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import tls from 'node:tls';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import * as z from 'zod';
import { type FirstAgentStep, firstAgentTask } from './first-agent-steps.ts';

/**
 * An agent for the first call (`ui.md`, First run), run in a process of its own with the official SDK: it knows an
 * address, a token and an authority, nothing else, and enters by the public door like everybody.
 */
export async function runFirstAgent(): Promise<void> {
  const task = firstAgentTask.parse(JSON.parse(await text(process.stdin)));
  const say = (step: FirstAgentStep): void => void process.stdout.write(`${JSON.stringify(step)}\n`);
  const agent = new https.Agent({ keepAlive: true });
  agent.createConnection = (options) => {
    const { host, port } = options as { host: string; port: number };
    const secure = tls.connect({
      socket: connect(Number(port), host),
      servername: host,
      ca: task.ca,
      ALPNProtocols: ['http/1.1'],
    });
    let clientRandom: string | undefined;
    // Of each line only the random is read; the secrets beside it go nowhere.
    secure.on('keylog', (line) => {
      clientRandom ??= /^\S+ ([0-9a-f]{64}) /.exec(line.toString('latin1'))?.[1];
    });
    secure.once('secureConnect', () => {
      const fingerprint = secure.getPeerCertificate().fingerprint256;
      say({ step: 'connected', at: now(), fingerprint, ...(clientRandom ? { clientRandom } : {}) });
    });
    return secure;
  };
  const client = new Client({ name: 'sallyport-first-call', version: '1.0.0' });
  const transport = new StreamableHTTPClientTransport(new URL(task.url), {
    fetch: createFetch(agent),
    requestInit: { headers: { authorization: `Bearer ${task.token}` } },
  });
  try {
    // The SDK's own class does not fit its interface under exactOptionalPropertyTypes.
    await client.connect(transport as Transport);
    say({ step: 'calling', at: now() });
    const result = await client.callTool({ name: task.tool, arguments: task.arguments });
    const blocks = z.array(z.looseObject({ text: z.string().optional() })).parse(result.content);
    say({
      step: 'answered',
      at: now(),
      isError: result.isError === true,
      text: blocks.map((block) => block.text ?? '').join('\n'),
    });
    await transport.terminateSession();
    await client.close();
  } catch (error) {
    say({ step: 'failed', at: now(), message: error instanceof Error ? error.message : String(error) });
  } finally {
    agent.destroy();
  }
}

function now(): string {
  return new Date().toISOString();
}

/** The platform's `fetch` takes no authority of one's own; this one goes by `node:https`. */
function createFetch(agent: https.Agent): (input: string | URL, init?: RequestInit) => Promise<Response> {
  return async (input, init) => {
    const request = new Request(input, init);
    const body = request.body ? Buffer.from(await request.arrayBuffer()) : undefined;
    return await new Promise<Response>((resolve, reject) => {
      const outgoing = https.request(
        request.url,
        { method: request.method, headers: Object.fromEntries(request.headers), agent, signal: request.signal },
        (incoming) => {
          const headers = new Headers();
          for (const [name, value] of Object.entries(incoming.headers)) headers.set(name, String(value));
          const status = incoming.statusCode ?? 502;
          const empty = status === 204 || status === 202 || status === 304;
          if (empty) incoming.resume();
          const stream = Readable.toWeb(incoming) as ReadableStream<Uint8Array>;
          resolve(new Response(empty ? null : stream, { status, headers }));
        },
      );
      outgoing.once('error', reject);
      outgoing.end(body);
    });
  };
}
