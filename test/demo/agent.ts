/**
 * The hosted agent of the demo, in a process of its own: it knows an address, a token and a CA, nothing else. Reads its
 * task from standard input, prints one JSON line a step and its own tap at the end.
 */
import { text } from 'node:stream/consumers';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import * as z from 'zod';
import { createTap } from '../byte-tap.ts';
import { createTappedFetch } from './tapped-fetch.ts';

const task = z
  .object({
    url: z.string(),
    token: z.string(),
    ca: z.string(),
    calls: z.array(z.object({ tool: z.string(), arguments: z.record(z.string(), z.unknown()) })),
  })
  .parse(JSON.parse(await text(process.stdin)));

const print = (step: object): void => console.log(JSON.stringify(step));
const tap = createTap();
const tapped = createTappedFetch(tap, task.ca);
const client = new Client(
  { name: 'demo-agent', version: '1.0.0' },
  { versionNegotiation: { mode: { pin: '2026-07-28' } } },
);
await client.connect(
  new StreamableHTTPClientTransport(new URL(task.url), {
    fetch: tapped.fetch,
    requestInit: { headers: { authorization: `Bearer ${task.token}` } },
  }),
);
const { tools } = await client.listTools();
print({ step: 'tools', tools: tools.map((tool) => tool.name) });
for (const call of task.calls) {
  const result = await client.callTool({ name: call.tool, arguments: call.arguments });
  const content = result.content.map((block) => ('text' in block ? block.text : `(${block.type})`)).join('\n');
  print({ step: 'called', tool: call.tool, isError: result.isError === true, text: content });
}
await client.close();
await tapped.close();
print({ step: 'done', certificate: tapped.metCertificate(), ...tap.report() });
