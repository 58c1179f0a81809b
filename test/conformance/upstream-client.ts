import { createServers } from '../../electron/core/servers/create-servers.ts';
import type { ServerRecord } from '../../electron/core/servers/servers.ts';
import { listTools } from '../../electron/core/servers/sharing.ts';
import { createSignIns } from '../../electron/core/servers/sign-in/sign-ins.ts';
import { systemClock } from '../../electron/core/state/system-clock.ts';
import { asSallyportError } from '../../electron/shared/errors.ts';
import { JsonObject } from '../../electron/shared/json-tree.ts';

/**
 * The client that the conformance suite drives: Sallyport's own upstream side, with a person who agrees to everything and a
 * browser that follows every redirect. The address of the server under test is the last argument.
 */
const url = process.argv.at(-1) ?? '';
const given: { client_id?: string; client_secret?: string } = JSON.parse(process.env.MCP_CONFORMANCE_CONTEXT ?? '{}');
const record: ServerRecord = { slug: 'suite', name: 'Suite', shared: true, target: { kind: 'http', url } };
const stored = new Map<string, string>();
const secrets = {
  get: async (name: string) => stored.get(name),
  set: async (name: string, value: string) => void stored.set(name, value),
  delete: async (name: string) => void stored.delete(name),
};
const client = { name: 'sallyport-conformance', version: '0.0.0' };
const signIns = createSignIns({ secrets, clock: systemClock, client });
const servers = createServers({
  secrets,
  clock: systemClock,
  client,
  environment: {},
  signIns,
  limits: { startMs: 5_000 },
});

async function signIn(): Promise<void> {
  const port = 3_999;
  const own = given.client_id === undefined ? {} : { clientId: given.client_id, port };
  const secret = given.client_secret === undefined ? {} : { clientSecret: given.client_secret };
  const consent = await signIns.propose(record, { ...own, ...secret });
  const page = await signIns.begin(record, consent.digest);
  const done = signIns.wait(record.slug);
  done.catch(() => {});
  let at = new URL(page.url);
  for (let hops = 0; hops < 10; hops += 1) {
    const answer = await fetch(at, { redirect: 'manual' });
    await answer.text();
    const location = answer.headers.get('location');
    if (location === null) break;
    at = new URL(location, at);
  }
  await done;
  await servers.stop(record.slug);
}

async function use(): Promise<void> {
  const session = await servers.connect(record, 'suite');
  const tools = await listTools(session, 5_000);
  for (const tool of tools.slice(0, 3)) {
    const params = new JsonObject([
      ['name', tool.get('name') ?? ''],
      ['arguments', new JsonObject()],
    ]);
    await session.request('tools/call', params, { timeoutMs: 5_000 });
  }
}

let status = 1;
// A server may ask for more than once: a sign-in, then more scope.
for (let round = 0; round < 3; round += 1) {
  try {
    await use();
    status = 0;
    break;
  } catch (thrown) {
    const error = asSallyportError(thrown);
    process.stderr.write(`${error.code}: ${error.message}\n`);
    if (signIns.view(record.slug)?.state !== 'needed') break;
    const failed = await signIn().then(
      () => undefined,
      (failure: unknown) => asSallyportError(failure),
    );
    if (failed) {
      process.stderr.write(`${failed.code}: ${failed.message}\n`);
      break;
    }
  }
}
signIns.close();
await servers.stopAll(500);
process.exit(status);
